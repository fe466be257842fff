"use strict";
window.shop.start();
