// Live parts, the reader's time zone, keys, and the zoom of the graph. The page works without it.
"use strict";
(() => {
  const policy = window.trustedTypes
    ? trustedTypes.createPolicy("reconcile", { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const pad = (number) => String(number).padStart(2, "0");
  const shown = (date) =>
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;

  if (zone) {
    document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax`;
  }
  const zoned = (root) => {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const date = new Date(each.dateTime);
      if (!Number.isNaN(date.valueOf())) each.textContent = shown(date);
    }
  };
  zoned(document);

  // ------------------------------------------------------------ live parts

  const notices = document.getElementById("notices");
  const say = (text) => {
    if ([...notices.children].some((each) => each.textContent === text)) return;
    const line = document.createElement("p");
    line.className = "notice";
    line.textContent = text;
    notices.append(line);
  };
  const unsay = (text) => [...notices.children].forEach((each) => each.textContent === text && each.remove());
  const LOST = "Live updates are lost. What is shown may be old.";
  const ENDED = "Your session has ended. Log in again to go on.";
  let source = null, isHeld = false, isOver = false, isDue = false, isBusy = false, lastMark = Date.now(), first = true;

  let keepZoom = () => {};
  const isDirty = () => {
    const active = document.activeElement;
    return Boolean(active && active.matches("input, select, textarea"));
  };
  const refresh = async () => {
    if (isBusy || isHeld || isOver) { isDue = isDue || isBusy; return; }
    isBusy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html", "x-by-itself": "1" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) return end();
      if (!answer.ok) return;
      const text = policy.createHTML(await answer.text());
      const fresh = new DOMParser().parseFromString(text, "text/html");
      zoned(fresh);
      document.title = fresh.title;
      document.getElementById("age")?.replaceWith(fresh.getElementById("age") || "");
      const focused = document.activeElement?.id, link = document.activeElement?.getAttribute?.("href");
      for (const part of fresh.querySelectorAll("[data-part]")) {
        const old = document.getElementById(part.id);
        if (old && !old.isEqualNode(part) && !(old.contains(document.activeElement) && isDirty())) {
          const scrolled = old.scrollLeft, hadFocus = old.contains(document.activeElement);
          old.replaceWith(document.adoptNode(part));
          const next = document.getElementById(part.id);
          next.scrollLeft = scrolled;
          if (hadFocus) {
            const again = (focused && document.getElementById(focused)) ||
              [...next.querySelectorAll("a[href]")].find((each) => each.getAttribute("href") === link);
            again?.focus({ preventScroll: true });
          }
        }
      }
      keepZoom();
    } catch { say(LOST); } finally {
      isBusy = false;
      if (isDue) { isDue = false; setTimeout(refresh, 1000); }
    }
  };
  const end = () => { isOver = true; close(); say(ENDED); document.querySelector("main").classList.add("quiet"); };
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || isOver || document.hidden || !document.body.dataset.live) return;
    source = new EventSource("/api/v1/events");
    source.addEventListener("look", () => { lastMark = Date.now(); unsay(LOST); first ? (first = false) : refresh(); });
    source.addEventListener("fact", () => { lastMark = Date.now(); refresh(); });
    for (const name of ["steps", "doctor"]) source.addEventListener(name, () => { lastMark = Date.now(); refresh(); });
    source.addEventListener("session", end);
    source.onopen = () => { lastMark = Date.now(); unsay(LOST); };
    source.onerror = async () => {
      const isClosed = source?.readyState === EventSource.CLOSED;
      if (isClosed) close();
      say(LOST);
      const answer = await fetch("/api/v1/status", { headers: { "x-by-itself": "1" } }).catch(() => null);
      if (answer?.status === 401) end();
      else if (isClosed) setTimeout(open, 10000);
    };
  };
  // Browsers allow six connections for all tabs of a server together, so a hidden tab gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : (refresh(), open())));
  window.addEventListener("pagehide", close);
  if (document.body.dataset.live) {
    open();
    const hold = document.getElementById("hold");
    hold.hidden = false;
    hold.addEventListener("click", () => {
      isHeld = !isHeld;
      hold.textContent = isHeld ? "Go on with live updates" : "Hold live updates";
      if (!isHeld) refresh();
    });
  }

  // ------------------------------------------------------------ keys

  const PLACES = { o: "/", p: "/plan", h: "/history", g: "/graph", d: "/doctor", a: "/access" };
  const HELP = "Keys: / search, n next problem, g then o overview, p plan, h history, g graph, d doctor, a access. None of them acts.";
  const keys = document.getElementById("keys");
  let isOn = localStorage.getItem("keys") !== "off", isGoing = false;
  const label = () => { keys.textContent = isOn ? "Switch keys off" : "Switch keys on"; keys.title = HELP; };
  keys.hidden = false;
  label();
  keys.addEventListener("click", () => { isOn = !isOn; localStorage.setItem("keys", isOn ? "on" : "off"); label(); if (isOn) say(HELP); });
  document.addEventListener("keydown", (event) => {
    if (!isOn || isDirty() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isGoing) {
      isGoing = false;
      if (PLACES[event.key]) location.assign(PLACES[event.key]);
      return;
    }
    if (event.key === "g") isGoing = true;
    else if (event.key === "?") say(HELP);
    else if (event.key === "/") { event.preventDefault(); document.querySelector("input[type=search]")?.focus(); }
    else if (event.key === "n") {
      const links = [...document.querySelectorAll("#people a, #wrong a")];
      links[(links.indexOf(document.activeElement) + 1) % (links.length || 1)]?.focus();
    }
  });

  // ------------------------------------------------------------ the graph

  const graph = document.querySelector("svg.graph");
  if (graph) {
    const whole = graph.getAttribute("viewBox").split(" ").map(Number);
    let box = [...whole];
    const steps = {
      in: () => [box[0] + box[2] / 8, box[1] + box[3] / 8, box[2] * 0.75, box[3] * 0.75],
      out: () => [box[0] - box[2] / 6, box[1] - box[3] / 6, box[2] / 0.75, box[3] / 0.75],
      left: () => [box[0] - box[2] / 4, box[1], box[2], box[3]], right: () => [box[0] + box[2] / 4, box[1], box[2], box[3]],
      up: () => [box[0], box[1] - box[3] / 4, box[2], box[3]], down: () => [box[0], box[1] + box[3] / 4, box[2], box[3]],
      all: () => whole,
    };
    const show = () => document.querySelector("svg.graph").setAttribute("viewBox", box.join(" "));
    const zoom = (name) => { box = [...steps[name]()]; keepZoom = name === "all" ? () => {} : show; show(); };
    for (const each of document.querySelectorAll("[data-zoom]")) {
      each.hidden = false;
      each.addEventListener("click", () => zoom(each.dataset.zoom));
    }
    document.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !event.target.closest("#graph")) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? "in" : "out");
    }, { passive: false });
  }
})();
