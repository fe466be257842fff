"use strict";

// The whole shop: text from the store only ever becomes a text node, never markup.
const shop = { token: null, socket: null };
const byId = (id) => document.getElementById(id);
const rupees = (paise) => "₹" + (paise / 100).toFixed(2);

function entry(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function say(text) {
  byId("message").textContent = text;
}

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (shop.token) headers.Authorization = "Bearer " + shop.token;
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const content = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(content.error.message);
  return content;
}

function showProducts(page) {
  byId("count").textContent = page.total + " products";
  byId("products").replaceChildren(...page.items.map((product) => {
    const item = entry(product.name + ", " + product.unit + " " + rupees(product.price_paise));
    item.dataset.id = product.id;
    const button = document.createElement("button");
    button.textContent = "Add";
    button.addEventListener("click", () => attempt(() => add(product)));
    item.append(" ", button);
    return item;
  }));
}

async function search(text) {
  const path = text ? "/api/search?q=" + encodeURIComponent(text) : "/api/products";
  showProducts(await call("GET", path));
}

function showCart(cart) {
  byId("cart").replaceChildren(...cart.items.map((line) => {
    const item = entry(line.quantity + " × " + line.name + " " + rupees(line.line_total_paise));
    item.dataset.id = line.product_id;
    item.dataset.quantity = line.quantity;
    return item;
  }));
  byId("total").textContent = rupees(cart.total_paise);
  byId("checkout").disabled = cart.items.length === 0;
}

async function add(product) {
  showCart(await call("POST", "/api/cart", { product_id: product.id, quantity: 1 }));
}

async function logIn(form) {
  const answer = await call("POST", "/api/auth/login", {
    identifier: form.identifier.value, password: form.password.value,
  });
  if (answer.status !== "ok") throw new Error("Complete your second step in the app.");
  shop.token = answer.access_token;
  byId("greeting").textContent = "Welcome, " + answer.user.name;
  form.password.value = "";
  showCart(await call("GET", "/api/cart"));
  const health = await call("GET", "/api/health");
  if (health.release !== "v4") listen();
}

function listen() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  shop.socket = new WebSocket(scheme + location.host + "/api/ws/orders");
  shop.socket.addEventListener("open", () => {
    shop.socket.send(JSON.stringify({ token: shop.token }));
  });
  shop.socket.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    if (event.type === "order") byId("events").append(entry(event.status));
  });
}

function cartItems() {
  return [...byId("cart").children].map((item) => (
    { product_id: item.dataset.id, quantity: Number(item.dataset.quantity) }
  ));
}

async function checkout() {
  const clientId = crypto.randomUUID();
  if (!navigator.onLine) {
    keep({ client_id: clientId, kind: "order.place", base_version: 0,
           at: new Date().toISOString(), items: cartItems() });
    say("Order kept; it is sent when you are online again.");
    return;
  }
  showOrder(await call("POST", "/api/orders", { client_order_id: clientId }));
}

function showOrder(order) {
  byId("order").textContent = order.id + " " + order.status + " " + rupees(order.total_paise);
  showCart({ items: [], total_paise: 0 });
}

function kept() {
  return JSON.parse(localStorage.getItem("kept") || "[]");
}

function keep(change) {
  localStorage.setItem("kept", JSON.stringify([...kept(), change]));
}

async function sendKept() {
  const changes = kept();
  if (changes.length === 0) return;
  const answer = await call("POST", "/api/sync/offline", { device_id: deviceId(), changes });
  const orders = answer.results.filter((result) => result.order).map((result) => result.order);
  localStorage.removeItem("kept");
  say(answer.results.map((result) => result.status).join(", "));
  if (orders.length) showOrder(orders[orders.length - 1]);
}

function deviceId() {
  if (!localStorage.getItem("device")) localStorage.setItem("device", crypto.randomUUID());
  return localStorage.getItem("device");
}

async function attempt(action) {
  say("");
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
}

function showNetwork() {
  byId("network").hidden = navigator.onLine;
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => search(byId("q").value.trim()));
});
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => logIn(event.target));
});
byId("checkout").addEventListener("click", () => attempt(checkout));
window.addEventListener("offline", showNetwork);
window.addEventListener("online", () => { showNetwork(); attempt(sendKept); });
attempt(() => search(""));
