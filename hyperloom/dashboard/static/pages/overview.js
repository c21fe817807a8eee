// How far, how fast, what failed, where the memory is.
import uPlot from "../vendor/uplot.mjs";
import { useEffect, useRef } from "../vendor/hooks.mjs";
import { count, Figure, html, size, Table, Track } from "../parts.js";

const WHOLE = [1, 2, 5].flatMap((n) => [...Array(8).keys()].map((zeros) => n * 10 ** zeros)).sort((a, b) => a - b);

function Curve({ moment }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const ink = getComputedStyle(document.body).getPropertyValue("--quiet");
    const line = getComputedStyle(document.body).getPropertyValue("--line");
    const bar = getComputedStyle(document.body).getPropertyValue("--bar");
    const axis = { stroke: ink, grid: { stroke: line }, ticks: { stroke: line } };
    plot.current = new uPlot({
      width: box.current.clientWidth || 600, height: 200, legend: { show: false }, cursor: { y: false },
      series: [{}, { label: "tasks/s", stroke: bar, width: 2, fill: `${bar.trim()}22`, points: { show: false } }],
      axes: [axis, { ...axis, size: 64, incrs: WHOLE, values: (_, ticks) => ticks.map(count) }],
      scales: { y: { range: (_, __, most) => [0, Math.max(5, most * 1.1)] } },
    }, [[], []], box.current);
    const fit = () => plot.current.setSize({ width: box.current.clientWidth, height: 200 });
    addEventListener("resize", fit);
    return () => { removeEventListener("resize", fit); plot.current.destroy(); };
  }, []);
  useEffect(() => {
    const curve = moment.curve || [];
    plot.current.setData([curve.map((point) => point.at), curve.map((point) => point.rate)]);
  }, [moment]);
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
  const open = jobs.filter((job) => job.state === "open");
  return html`
    <div class="row">
      <${Figure} label="Tasks per second" to="stream" value=${count(rate)}/>
      <${Figure} label="With nodes" to="tasks" value=${count(totals.held)} more=${`${count(totals.ready)} ready`}/>
      <${Figure} label="Left" to="jobs" value=${count(totals.left)} more=${`of ${count(totals.submitted)}`}/>
      <${Figure} label="Failed" to="errors" value=${count(totals.failed)} kind=${totals.failed ? "bad" : ""} more=${totals.retried ? `${count(totals.retried)} tried again` : ""}/>
      <${Figure} label="Nodes" to="nodes" value=${count(alive.length)} more=${nodes.length > alive.length ? `${nodes.length - alive.length} not heard of` : ""}/>
      <${Figure} label="Object memory" to="objects" value=${size(used)} more=${`of ${size(room)}`}/>
    </div>
    <${Curve} moment=${moment}/>
    <${Table} caption="Open jobs" rows=${open} rowKey=${(job) => job.job} empty="No program is connected."
      columns=${[
        ["Job", (job) => html`<a href=${`#/jobs/${job.job}`}>${job.job}</a>`],
        ["Program", (job) => job.program],
        ["Progress", (job) => html`<${Track} done=${job.done} failed=${job.failed} total=${job.submitted}/>`],
        ["Left", (job) => count(job.left), "number"], ["Failed", (job) => count(job.failed), "number"],
      ]}/>
    ${moment.server && html`<${Table} caption="Control plane" rows=${[moment.server]} empty="" columns=${[
        ["Server", (server) => `${server.name} ${server.version}`],
        ["Memory", (server) => size(server.memory_bytes)], ["Clients", (server) => count(server.clients), "number"],
        ["Durability", (server) => server.durability], ["Promise", (server) => server.promise, "text"],
      ]}/>`}`;
}
