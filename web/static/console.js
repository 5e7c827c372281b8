// Small comforts on pages that work without them: keys, copying, choosing all, and the stamp of what is live.
(() => {
  "use strict";
  const $ = (what, of = document) => of.querySelector(what);
  const all = (what, of = document) => [...of.querySelectorAll(what)];
  const typing = (at) => at && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && !/^(checkbox|radio)$/.test(at.type));
  const kept = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* not kept */ } } };

  // What needs a script is shown by it alone.
  const reveal = () => all("[data-copy][hidden], [data-script][hidden]").forEach((each) => { each.hidden = false; });

  // Rows, by j and k; x chooses, Enter opens.
  let row = null;
  const rows = () => all("tbody tr[data-row]");
  const go = (by) => {
    const list = rows();
    if (!list.length) return;
    const at = list.indexOf(row);
    row?.classList.remove("at");
    row = list[Math.min(Math.max(at + by, 0), list.length - 1)];
    row.classList.add("at");
    row.scrollIntoView({ block: "nearest" });
    ($("a", row) || row).focus({ preventScroll: true });
  };

  let behindG = false;
  const on = () => kept.get("keys") !== "off";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]") || !on()) return;
    if (behindG) {
      behindG = false;
      const place = $(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    const does = {
      j: () => go(1), k: () => go(-1), g: () => { behindG = true; setTimeout(() => { behindG = false; }, 1200); },
      x: () => $("input[type=checkbox]", row || undefined)?.click(),
      "/": () => $("input[type=search]")?.focus(), "?": () => $("#help").showModal(),
    }[event.key];
    if (does && (event.key !== "x" || row)) { event.preventDefault(); does(); }
  });

  // How many are chosen, and all of the page.
  const count = () => {
    const chosen = all("input[name=account]:checked, input[name=plan]:checked").length;
    all("[data-chosen]").forEach((each) => { each.textContent = chosen ? `${chosen} chosen` : "none chosen"; });
  };
  document.addEventListener("change", (event) => {
    const of = event.target.dataset?.all;
    if (of) all(`input[name="${CSS.escape(of)}"]`).forEach((each) => { each.checked = event.target.checked; });
    if (event.target.id === "keys-on") kept.set("keys", event.target.checked ? "on" : "off");
    count();
  });
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest?.("[data-copy]");
    if (copy) {
      try { await navigator.clipboard.writeText(copy.dataset.copy); copy.textContent = "copied"; } catch { copy.textContent = "failed"; }
      setTimeout(() => { copy.textContent = "copy"; }, 1200);
    }
    if (event.target.closest?.("#keys")) $("#help").showModal();
  });

  // The stamp of what is live, and that the console is away.
  const stamp = (at) => { const there = $("#as-of"); if (at && there) { there.dateTime = at; there.textContent = at.replace("T", " ").replace("Z", ""); } };
  const lost = (is) => {
    $("#pulse")?.classList.toggle("lost", is);
    const told = $("#offline");
    if (told) { told.hidden = !is; $(".at", told).textContent = `${$("#as-of")?.textContent ?? ""} UTC`; }
  };
  document.addEventListener("htmx:after:request", (event) => {
    const answer = event.detail?.ctx?.response;
    const at = answer?.headers?.get?.("As-Of");
    if (at) { stamp(at); lost(false); }
    const title = answer?.headers?.get?.("Page-Title");
    if (title && event.target?.id === "live") document.title = decodeURIComponent(title);
    if (answer?.status === 401) location.reload();
  });
  document.addEventListener("htmx:after:swap", () => { reveal(); count(); });
  document.addEventListener("htmx:sse:error", () => lost(true));
  document.addEventListener("htmx:sse:after:connection", () => lost(false));

  reveal();
  count();
  const keys = $("#keys"); if (keys) keys.hidden = false;
  const box = $("#keys-on"); if (box) box.checked = on();
})();
