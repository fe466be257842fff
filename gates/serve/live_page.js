// Shows each new version of the page in its place. The markup comes from this server, which has
// escaped every text from outside; a script in parsed markup does not run.
"use strict";
(() => {
  const line = document.createElement("div");
  line.id = "live";
  line.className = "note soft";
  line.setAttribute("role", "region");
  line.setAttribute("aria-label", "Live view");
  // A screen reader speaks the status, and not each new time.
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const time = document.createElement("span");
  line.append(status, time);
  let isLoading = false;
  let isOutdated = false;

  const say = (sentence) => {
    if (status.textContent !== sentence) {
      status.textContent = sentence;
    }
  };

  // The place of an element among the elements of its kind that have the same text.
  const nameOf = (details) => {
    const summary = details.querySelector("summary");
    const part = summary.querySelector(".objective") || summary;
    return part.textContent;
  };

  const openParts = (page) => {
    const states = new Map();
    for (const details of page.querySelectorAll("details")) {
      const name = nameOf(details);
      states.set(name, [...(states.get(name) || []), details.open]);
    }
    return states;
  };

  const keepOpen = (page, states) => {
    const places = new Map();
    for (const details of page.querySelectorAll("details")) {
      const name = nameOf(details);
      const place = places.get(name) || 0;
      places.set(name, place + 1);
      const known = states.get(name);
      if (known && place < known.length) {
        details.open = known[place];
      }
    }
  };

  // The element that has the keyboard, as its place among the elements that can have it.
  const reachable = (page) => [...page.querySelectorAll("a[href], summary, [tabindex]")];

  const show = (markup) => {
    const parsed = new DOMParser().parseFromString(markup, "text/html");
    const next = parsed.querySelector(".page");
    const page = document.querySelector(".page");
    if (!next || !page) {
      throw new Error("the server did not answer with a page");
    }
    keepOpen(next, openParts(page));
    const focused = reachable(page).indexOf(document.activeElement);
    const place = { left: window.scrollX, top: window.scrollY, behavior: "instant" };
    page.replaceWith(document.adoptNode(next));
    document.title = parsed.title;
    if (focused >= 0) {
      reachable(next)[focused]?.focus({ preventScroll: true });
    }
    window.scrollTo(place);
  };

  const load = async () => {
    if (isLoading) {
      isOutdated = true;
      return;
    }
    isLoading = true;
    try {
      const answer = await fetch("./", { cache: "no-store" });
      if (!answer.ok) {
        throw new Error(`status ${answer.status}`);
      }
      show(await answer.text());
      say("Live: this page shows each new decision.");
      time.textContent = ` Loaded at ${new Date().toISOString().slice(11, 19)} UTC.`;
    } catch (error) {
      say(`The newest state could not be loaded (${error.message}); this page may be old.`);
    } finally {
      isLoading = false;
      if (isOutdated) {
        isOutdated = false;
        load();
      }
    }
  };

  document.body.prepend(line);
  const source = new EventSource("events");
  source.addEventListener("page", load);
  source.addEventListener("problem", () => say("The page could not be written; it may be old."));
  source.addEventListener("error", () => say("No connection to the gate; this page may be old."));
})();
