// Nodes and their workers; of one node, only its own.
import { logsLink, jobLink, nodeLink, profileLink, taskLink } from "../links.js";
import { count, html, Meter, seconds, size, Table, Trouble, useAnswer } from "../parts.js";

const load = (node) => node.load || {};

export function Nodes({ rest }) {
  const { answer, error } = useAnswer("/api/nodes");
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  const chosen = rest[0];
  const mine = (row) => !chosen || row.node === chosen;
  return html`
    ${chosen && html`<div class="tools"><a href="#/nodes">All nodes</a> ${logsLink(chosen, "logs of this node")} ${profileLink(chosen, "profile of this node")}</div>`}
    <${Table} caption=${chosen ? `Node ${chosen}` : "Nodes"} rows=${answer.nodes.filter(mine)} rowKey=${(node) => node.node} empty="There is none." columns=${[
      ["Node", (node) => nodeLink(node.node)], ["Host", (node) => node.host],
      ["State", (node) => html`<span class=${node.alive ? "good" : "bad"}>${node.state}</span>`],
      ["Free", (node) => node.free_text],
      ["CPU", (node) => html`<${Meter} part=${load(node).cpu_percent} whole=${100} calm says=${`${Math.round(load(node).cpu_percent || 0)} %`}/>`],
      ["Memory", (node) => html`<${Meter} part=${load(node).memory_used} whole=${load(node).memory_bytes} says=${`${size(load(node).memory_used)} of ${size(load(node).memory_bytes)}`}/>`],
      ["Store", (node) => html`<${Meter} part=${node.used} whole=${node.bytes} says=${`${size(node.used)} of ${size(node.bytes)}`}/>`],
      ["Spilled", (node) => size(load(node).spilled), "number"],
      ["In", (node) => (node.load ? `${size(Math.round(load(node).received_s))}/s` : ""), "number"],
      ["Out", (node) => (node.load ? `${size(Math.round(load(node).sent_s))}/s` : ""), "number"],
      ["Workers", (node) => count(node.workers), "number"],
    ]}/>
    <${Table} caption="Workers" rows=${answer.workers.filter(mine)} rowKey=${(worker) => `${worker.node}${worker.pid}`} empty="None runs." columns=${[
      ["Process", (worker) => worker.pid, "number"], ["Node", (worker) => nodeLink(worker.node)], ["Job", (worker) => jobLink(worker.job)],
      ["State", (worker) => worker.state], ["Runs", (worker) => (worker.task_id ? taskLink(worker.task_id, worker.task) : worker.task)],
      ["For", (worker) => (worker.task ? seconds(worker.seconds) : ""), "number"], ["Behind it", (worker) => count(worker.count), "number"],
      ["", (worker) => (worker.task_id ? html`${logsLink(worker.task_id)} · ${profileLink(worker.task_id)}` : "")],
    ]}/>`;
}
