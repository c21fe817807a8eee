// What all pages are made of.
import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.mjs";

export const html = htm.bind(h);

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let at = 0;
  while (bytes >= 1024 && at < SIZES.length - 1) { bytes /= 1024; at += 1; }
  return `${at ? bytes.toFixed(bytes < 10 ? 1 : 0) : bytes} ${SIZES[at]}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 1e-3) return `${(value * 1e6).toFixed(0)} µs`;
  if (value < 1) return `${(value * 1e3).toFixed(value < 0.01 ? 1 : 0)} ms`;
  if (value < 120) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  if (value < 7200) return `${(value / 60).toFixed(0)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

export function count(value) {
  return value === null || value === undefined ? "" : Math.round(value).toLocaleString("en");
}

export function clock(at) {
  return at ? new Date(at * 1000).toLocaleTimeString() : "";
}

// The same to the millisecond: what is told of one task may take less than a second.
export function exactly(at) {
  return at ? new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }) : "";
}

const BEHIND_MS = 50;

// An answer of the server, asked again every so many milliseconds while the page is seen.
export function useAnswer(path, every = 2000) {
  const [state, set] = useState({ answer: null, error: null, path });
  useEffect(() => {
    let over = false;
    let timer = null;
    async function ask() {
      let behind = false;  // more of it was read already when it came: that is asked for at once
      if (!document.hidden) {
        try {
          const reply = await fetch(path);
          const answer = await reply.json();
          if (over) return;
          behind = answer.behind;
          set(reply.ok ? { answer, error: null, path } : { answer: null, error: answer.error, path });
        } catch (problem) {
          if (!over) set({ answer: null, error: `the page's server does not answer (${problem.message})`, path });
        }
      }
      if (!over && (every || behind)) timer = setTimeout(ask, behind ? BEHIND_MS : every);
    }
    ask();
    return () => { over = true; clearTimeout(timer); };
  }, [path, every]);
  return state.path === path ? state : { answer: null, error: null };
}

// A moment tells its own point of the curve; only the first one, all that came before.
const CURVE = 600;
const AGAIN_MS = 2000;
function joined(before, told) {
  const curve = told.curve || [...((before && before.curve) || []), told.point].slice(-CURVE);
  return { ...told, curve };
}

// The common moments: one a second.
export function useMoments() {
  const [moment, set] = useState(null);
  useLayoutEffect(() => {  // the first one was asked for by the page itself, before any script was read
    fetch("/api/moment").then((reply) => (reply.ok ? reply.json() : null), () => null)
      .then((told) => told && set((before) => before || joined(null, told)));
  }, []);
  useEffect(() => {
    let source = null;
    let timer = null;
    const say = (error) => set((before) => ({ ...before, error }));
    async function broken() {
      source.close();  // a browser that gave up does not try again: we do
      timer = setTimeout(follow, AGAIN_MS);
      try {
        const reply = await fetch("/api/terms");
        say(reply.status === 401 ? "this page was started again, or you logged in long ago: loom dashboard prints a new link" : "the moments ended; they are asked for again");
      } catch { say("the page's server does not answer"); }
    }
    function follow() {
      source = new EventSource("/api/moments");
      source.onmessage = (event) => {
        const told = JSON.parse(event.data);
        set((before) => (told.error ? { ...before, error: told.error } : joined(before, told)));
      };
      source.onerror = broken;
    }
    follow();
    return () => { source.close(); clearTimeout(timer); };
  }, []);
  return moment;
}

export function Figure({ label, value, more, kind, to }) {
  return html`<div class="card"><div class="label">${to ? html`<a href=${`#/${to}`}>${label}</a>` : label}</div>
    <div class=${`figure ${kind || ""}`}>${value} ${more && html`<small>${more}</small>`}</div></div>`;
}

// columns: [title, row => what is shown, "number" | "text" | ""]; `sparse`: without those that are empty
export function Table({ caption, columns: all, rows, empty, rowKey, sparse }) {
  const says = (shown) => shown !== "" && shown !== null && shown !== undefined;
  const columns = sparse ? all.filter(([, show]) => rows.some((row) => says(show(row)))) : all;
  if (!rows.length) return html`<div class="card"><h2>${caption}</h2><div class="empty">${empty}</div></div>`;
  return html`<div class="card" tabindex="0" role="region" aria-label=${caption}><table><caption>${caption}</caption>
    <thead><tr>${columns.map(([title, , kind]) => html`<th scope="col" class=${kind || ""}>${title}</th>`)}</tr></thead>
    <tbody>${rows.map((row, n) => html`<tr key=${rowKey ? rowKey(row) : n}>
      ${columns.map(([, show, kind]) => html`<td class=${kind || ""}>${show(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

export function Track({ done, failed, cancelled = 0, total, word = "done" }) {
  const share = (part) => `${total ? Math.min(100, (100 * part) / total) : 0}%`;
  const bar = useRef(null);
  useEffect(() => {  // widths by script: the page allows no inline styles
    const [good, bad, unwanted] = bar.current.children;
    good.style.width = share(done);
    bad.style.width = share(failed);
    unwanted.style.width = share(cancelled);
  }, [done, failed, cancelled, total]);
  const says = `${count(done)} of ${count(total)} ${word}${failed ? `, ${count(failed)} failed` : ""}${cancelled ? `, ${count(cancelled)} cancelled` : ""}`;
  return html`<div class="track" role="img" aria-label=${says} title=${says} ref=${bar}><i></i><i class="bad"></i><i class="unwanted"></i></div>`;
}

// A column of what was cancelled, for tables with some of it: nothing to look into, so never red.
export function cancelledIn(rows) {
  return rows.some((row) => row.cancelled) ? [["Cancelled", (row) => row.cancelled_text || count(row.cancelled), "number"]] : [];
}

// How much of something is used.
export function Meter({ part, whole, says, calm }) {
  const bar = useRef(null);
  const share = whole ? Math.min(1, (part || 0) / whole) : 0;
  useEffect(() => {
    if (!bar.current) return;
    bar.current.firstChild.style.width = `${100 * share}%`;
  }, [share]);
  if (part === null || part === undefined) return "";
  return html`<div class="meter" title=${says}><div class="track" aria-hidden="true" ref=${bar}><i class=${share > 0.9 && !calm ? "bad" : ""}></i></div><span>${says}</span></div>`;
}

// What is shown is not all: there is much to be read.
export function Behind({ answer }) {
  return answer && answer.behind ? html`<p class="label" role="status">Still reading what has happened …</p>` : null;
}

export function Trouble({ text }) {
  return text ? html`<div class="card bad" role="alert">${text}</div>` : null;
}

// Tints that the colour-blind can tell apart; the same name has the same one on every page.
const TINTS = ["#4f9bd9", "#e8a33d", "#3fae7c", "#d9694f", "#8c7ad1", "#c66fa6", "#b6a63a", "#7d8894"];
const known = new Map();

export function tint(name) {
  if (!known.has(name)) known.set(name, TINTS[known.size % TINTS.length]);
  return known.get(name);
}
