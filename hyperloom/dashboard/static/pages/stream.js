// Who ran what when: a lane for each worker; zoom by wheel, drag, buttons or keys.
import { useEffect, useRef, useState } from "../vendor/hooks.mjs";
import { chosenJob, JobTools } from "../links.js";
import { Behind, clock, count, html, seconds, tint, Trouble, useAnswer } from "../parts.js";

const LANE = 22;
const LEFT = 130;
const TOP = 20;
const GOES_ON = 0.5;  // what has not ended is paler

function draw(canvas, seen) {
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--quiet");
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = TOP + LANE * Math.max(1, seen.lanes.length) + 4;
  canvas.height = height * scale;
  canvas.width = width * scale;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  const room = width - LEFT;
  const span = seen.end - seen.start;
  pen.fillStyle = ink;
  seen.lanes.forEach((lane, n) => pen.fillText(lane, 0, TOP + LANE * n + 14));
  const marks = Math.max(1, Math.min(5, Math.floor(room / 90)));
  for (let n = 0; n <= marks; n += 1) {
    pen.textAlign = n === marks ? "right" : "left";
    pen.fillText(n ? seconds((span * n) / marks) : clock(seen.start), LEFT + (room * n) / marks, 12);
  }
  pen.textAlign = "left";
  const bad = style.getPropertyValue("--bad");
  const unwanted = style.getPropertyValue("--quiet");
  if (seen.bars) {
    for (const [lane, name, began, took, ended] of seen.bars) {
      const x = LEFT + Math.max(0, began / span) * room;
      const end = LEFT + Math.min(1, (began + took) / span) * room;
      pen.fillStyle = ended === "done" ? tint(seen.names[name]) : ended === "cancelled" ? unwanted : bad;
      pen.fillRect(x, TOP + LANE * lane + 2, Math.max(1, end - x - (end - x > 3 ? 0.6 : 0)), LANE - 5);
    }
  } else {
    const step = room / seen.number;
    seen.bins.forEach((bins, lane) => {
      for (const [n, share, name, failed] of bins) {
        const high = (LANE - 5) * share;
        pen.fillStyle = failed ? bad : tint(seen.names[name]);
        pen.fillRect(LEFT + n * step, TOP + LANE * lane + 2 + (LANE - 5 - high), Math.max(1, step), high);
      }
    });
  }
  pen.globalAlpha = GOES_ON;
  for (const [lane, name, began, took] of seen.running) {
    const x = LEFT + Math.max(0, began / span) * room;
    const end = LEFT + Math.min(1, (began + took) / span) * room;
    pen.fillStyle = tint(seen.names[name]);
    pen.fillRect(x, TOP + LANE * lane + 2, Math.max(1, end - x), LANE - 5);
  }
  pen.globalAlpha = 1;
}

export function Stream({ moment, rest }) {
  const job = chosenJob(moment, rest);
  const [span, setSpan] = useState(null);  // [start, end]; null: the latest
  const canvas = useRef(null);
  const drag = useRef(null);
  // In steps, so that viewers with like windows ask for the same.
  const width = Math.min(2000, Math.max(200, 100 * Math.round(((canvas.current ? canvas.current.clientWidth : 1300) - LEFT) / 100)));
  const asked = span ? `&start=${span[0]}&end=${span[1]}` : "";
  const { answer, error } = useAnswer(`/api/stream?job=${job}&width=${Math.round(width)}${asked}`, span ? 0 : 2000);
  const last = useRef(null);
  if (answer) last.current = answer;
  const seen = last.current;
  useEffect(() => { if (seen && canvas.current) draw(canvas.current, seen); });
  const zoom = (factor, at = 0.5) => {
    const [start, end] = [seen.start, seen.end];
    const middle = start + (end - start) * at;
    setSpan([middle - (middle - start) * factor, middle + (end - middle) * factor]);
  };
  const move = (part) => { const by = (seen.end - seen.start) * part; setSpan([seen.start + by, seen.end + by]); };
  const place = (event) => Math.min(1, Math.max(0, (event.offsetX - LEFT) / (canvas.current.clientWidth - LEFT)));
  const keys = { "+": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), "0": () => setSpan(null) };
  const pressed = (event) => { if (keys[event.key]) { event.preventDefault(); keys[event.key](); } };
  const clicked = (event) => {
    const from = drag.current;
    drag.current = null;
    if (from === null) return;
    const to = place(event);
    const wide = seen.end - seen.start;
    if (Math.abs(to - from) > 0.01) {
      setSpan([seen.start + wide * Math.min(from, to), seen.start + wide * Math.max(from, to)]);
      return;
    }
    const hit = under(event);
    if (hit) location.hash = `#/task/${hit[hit.length - 1]}`;
  };
  const under = (event) => {
    const lane = Math.floor((event.offsetY - TOP) / LANE);
    const at = place(event) * (seen.end - seen.start);
    const here = (bar) => bar[0] === lane && bar[2] <= at && at <= bar[2] + bar[3];
    return seen.running.find(here) || (seen.bars || []).find(here);
  };
  const pointed = (event) => {  // what it is, and how long it took
    const hit = seen && event.offsetX > LEFT ? under(event) : null;
    const how = hit && hit.length > 5 ? hit[4] : "goes on";
    event.target.title = hit ? `${seen.names[hit[1]]}: ${how}, ${seconds(hit[3])}` : "";
  };
  if (!job) return html`<p class="empty">No job is known.</p>`;
  const says = seen ? `${count(seen.count)} attempts of ${seen.names.length} functions in ${seen.lanes.length} workers within ${seconds(seen.end - seen.start)}${seen.running.length ? `; ${count(seen.running.length)} going on (paler)` : ""}` : "";
  return html`<${JobTools} moment=${moment} job=${job} page="stream"/><${Trouble} text=${error}/><${Behind} answer=${answer}/>
    <div class="card">
      <div class="tools" role="toolbar" aria-label="Zoom">
        <button onClick=${() => zoom(0.5)}>Zoom in</button><button onClick=${() => zoom(2)}>Zoom out</button>
        <button onClick=${() => move(-0.5)}>Earlier</button><button onClick=${() => move(0.5)}>Later</button>
        <button onClick=${() => setSpan(null)}>Latest</button>
        ${seen && html`<button onClick=${() => setSpan([seen.first, seen.last + 1e-3])}>All</button>`}
        <span class="label" role="status">${says}${seen && seen.dropped ? `; ${count(seen.dropped)} older ones are not kept` : ""}${seen && seen.untold ? `; ${count(seen.untold)} more are not told of, or not yet` : ""}${seen && seen.hidden_lanes ? `; ${count(seen.hidden_lanes)} more workers are not drawn` : ""}</span>
      </div>
      <canvas ref=${canvas} tabindex="0" role="img" aria-label=${`Task stream: ${says}. Plus and minus zoom, arrows move, zero shows the latest.`}
        onKeyDown=${pressed} onMouseDown=${(event) => { drag.current = place(event); }} onMouseUp=${clicked} onMouseMove=${pointed}
        onWheel=${(event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8, place(event)); }}></canvas>
      ${seen && html`<${Keys} names=${seen.names}/>`}
    </div>`;
}

function Keys({ names }) {
  const box = useRef(null);
  useEffect(() => { [...box.current.querySelectorAll("i")].forEach((mark, n) => { mark.style.background = tint(names[n]); }); });
  return html`<div class="keys" ref=${box}>${names.map((name) => html`<span key=${name}><i></i>${name}</span>`)}
    ${names.length ? html`<span><b class="failed"></b>failed or tried again</span><span><b class="unwanted"></b>cancelled</span>` : ""}</div>`;
}
