// How far, how fast, what failed, where the memory is.
import { useEffect, useRef, useState } from "../vendor/hooks.mjs";
import { cancelledIn, clock, count, Figure, html, seconds, size, Table, Track, useAnswer } from "../parts.js";

const WHOLE = [1, 2, 5].flatMap((n) => [...Array(8).keys()].map((zeros) => n * 10 ** zeros)).sort((a, b) => a - b);

const STEPS = [5, 10, 15, 30, 60, 120, 300, 600];
const LEAST_S = 60;  // that the curve shows
const RECENT = 20;  // points by which the time left is told

// The curve has a hole where nobody looked: nothing was read then.
const holes = (points) => points.map((point, n) => (n && point.at - points[n - 1].at > 5 ? null : point.rate));

// Seconds that what is left takes, if it goes on as it did lately; null: nobody can say.
function timeLeft(curve, left) {
  const lately = curve.slice(-RECENT);
  const rate = lately.reduce((sum, point) => sum + point.rate, 0) / (lately.length || 1);
  return left && rate ? left / rate : null;
}

function Curve({ moment }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [drawn, tell] = useState(false);
  useEffect(() => {
    let over = false;
    // It is long, and the figures need not wait for it.
    import("../vendor/uplot.mjs").then((module) => { if (!over) begin(module.default); }, () => {});
    const fit = () => plot.current && plot.current.setSize({ width: box.current.clientWidth, height: 190 });
    addEventListener("resize", fit);
    return () => { over = true; removeEventListener("resize", fit); if (plot.current) plot.current.destroy(); };
  }, []);
  function begin(uPlot) {
    const ink = getComputedStyle(document.body).getPropertyValue("--quiet");
    const line = getComputedStyle(document.body).getPropertyValue("--line");
    const bar = getComputedStyle(document.body).getPropertyValue("--bar");
    const axis = { stroke: ink, grid: { stroke: line }, ticks: { stroke: line } };
    plot.current = new uPlot({
      padding: [null, 32, null, null],  // the last time is not cut off
      width: box.current.clientWidth || 600, height: 190, legend: { show: false }, cursor: { y: false },
      series: [{}, { label: "tasks/s", stroke: bar, width: 2, fill: `${bar.trim()}22`, points: { show: false } }],
      axes: [{ ...axis, space: 90, size: 32, incrs: STEPS, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 64, incrs: WHOLE, values: (_, ticks) => ticks.map(count) }],
      scales: { x: { range: (_, least, most) => [Math.min(least, most - LEAST_S), most] }, y: { range: (_, __, most) => [0, Math.max(5, most * 1.1)] } },
    }, [[], []], box.current);
    tell(true);
  }
  useEffect(() => {
    const curve = moment.curve || [];
    if (drawn) plot.current.setData([curve.map((point) => point.at), holes(curve)]);
  }, [moment, drawn]);
  const last = moment.curve.length ? moment.curve[moment.curve.length - 1].rate : 0;
  return html`<div class="card"><h2>Tasks finished per second</h2>
    <div ref=${box} role="img" aria-label=${`Tasks finished per second over the last minutes; now ${count(last)}`}></div></div>`;
}

export function Overview({ moment }) {
  const { totals, nodes = [], jobs } = moment;
  const alive = nodes.filter((node) => node.alive);
  const used = alive.reduce((sum, node) => sum + node.store.used, 0);
  const room = alive.reduce((sum, node) => sum + node.store.capacity, 0);
  const rate = moment.curve.length ? moment.curve[moment.curve.length - 1].rate : 0;
  const { answer: load } = useAnswer("/api/load");
  const pending = load ? Math.max(0, totals.left - load.running - load.hosting) : totals.left;
  const soon = timeLeft(moment.curve, totals.left);
  const open = jobs.filter((job) => job.state === "open");
  return html`
    <div class="row">
      <${Figure} label="Tasks per second" to="stream" value=${count(rate)} more=${soon === null ? "" : `about ${soon < 120 ? `${Math.ceil(soon)} s` : seconds(soon)} left`}/>
      <${Figure} label="Running" to="tasks" value=${load ? count(load.running) : "–"} more=${load && load.hosting ? `${count(load.hosting)} ${load.hosting === 1 ? "actor" : "actors"}` : ""}/>
      <${Figure} label="Pending" to="jobs" value=${count(pending)} more=${`of ${count(totals.submitted)}`}/>
      <${Figure} label="Failed" to="errors" value=${count(totals.failed)} kind=${totals.failed ? "bad" : ""} more=${[totals.retried && `${count(totals.retried)} tried again`, totals.cancelled && `${count(totals.cancelled)} cancelled`].filter(Boolean).join(", ")}/>
      <${Figure} label="Nodes" to="nodes" value=${count(alive.length)} more=${nodes.length > alive.length ? `${nodes.length - alive.length} not heard of` : load && load.cpu_percent !== null ? `CPU ${Math.round(load.cpu_percent)} %` : ""}/>
      <${Figure} label="Object memory" to="objects" value=${size(used)} more=${`of ${size(room)}${load && load.spilled ? `; ${size(load.spilled)} spilled` : ""}`}/>
    </div>
    <${Curve} moment=${moment}/>
    <${Table} caption="Open jobs" rows=${open} rowKey=${(job) => job.job} empty="No program is connected."
      columns=${[
        ["Job", (job) => html`<a href=${`#/jobs/${job.job}`}>${job.job}</a>`],
        ["Program", (job) => job.program],
        ["Progress", (job) => html`<${Track} done=${job.done} failed=${job.failed} cancelled=${job.cancelled} total=${job.submitted}/>`],
        ["Left", (job) => (job.chunk > 1 && job.items_left ? html`<span title=${`of maps, up to ${count(job.chunk)} items in a task`}>${count(job.left)} tasks, ${count(job.items_left)} items</span>` : count(job.left)), "number"], ["Failed", (job) => count(job.failed), "number"],
        ...cancelledIn(open),
      ]}/>
    ${moment.server && html`<${Table} caption="Control plane" rows=${[moment.server]} empty="" columns=${[
        ["Server", (server) => `${server.name} ${server.version}`],
        ["Memory", (server) => size(server.memory_bytes)], ["Clients", (server) => count(server.clients), "number"],
        ["Durability", (server) => server.durability], ["Promise", (server) => server.promise, "text"],
      ]}/>`}`;
}
