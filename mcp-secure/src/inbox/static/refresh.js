// Keeps the list of what waits up to date. Without it the page is whole; it is then reloaded by hand.
"use strict";
(function () {
  const live = document.getElementById("live");
  const from = live && live.dataset.from;
  const every = 10000;
  let shown = null;
  let over = false;

  function say(text) {
    if (live.textContent !== text) live.textContent = text;
  }

  async function look() {
    if (over || document.hidden) return;
    let answer;
    try {
      answer = await fetch(from + location.search, { credentials: "same-origin", redirect: "error" });
    } catch {
      say("The server does not answer. The list may be old.");
      return;
    }
    if (answer.status === 401) {
      over = true;
      say("You are signed out. Reload the page to sign in.");
      return;
    }
    if (!answer.ok) {
      say("The list can not be refreshed. It may be old.");
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("pending");
    const old = document.getElementById("pending");
    if (!fresh || !old) return;
    const ids = (list) => Array.from(list.querySelectorAll("h2 a"), (link) => link.getAttribute("href"));
    const before = ids(old);
    const after = ids(fresh);
    const added = after.filter((id) => !before.includes(id)).length;
    const gone = before.filter((id) => !after.includes(id)).length;
    // Nothing moves under somebody's finger: whoever is in the list reloads it when they like.
    if (old.contains(document.activeElement)) {
      if (added + gone > 0) say("The list has changed. Reload the page to see it.");
      return;
    }
    old.replaceWith(document.importNode(fresh, true));
    if (added + gone > 0) say(added + " new, " + gone + " gone.");
    else if (shown !== null && live.textContent.startsWith("The ")) say("");
    shown = after.length;
  }

  if (from) {
    setInterval(look, every);
    document.addEventListener("visibilitychange", look);
  }
})();
