// Nodes and their workers.
import { count, html, seconds, size, Table, Track, Trouble, useAnswer } from "../parts.js";

export function Nodes() {
  const { answer, error } = useAnswer("/api/nodes");
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  return html`
    <${Table} caption="Nodes" rows=${answer.nodes} rowKey=${(node) => node.node} empty="There is none." columns=${[
      ["Node", (node) => node.node.slice(0, 8)], ["Host", (node) => node.host],
      ["State", (node) => html`<span class=${node.alive ? "good" : "bad"}>${node.state}</span>`],
      ["Free", (node) => node.free_text],
      ["Store", (node) => html`<${Track} done=${node.used} failed=${0} total=${node.bytes}/>`],
      ["Used", (node) => size(node.used), "number"], ["Of", (node) => size(node.bytes), "number"],
      ["Workers", (node) => count(node.workers), "number"],
    ]}/>
    <${Table} caption="Workers" rows=${answer.workers} rowKey=${(worker) => `${worker.node}${worker.pid}`} empty="None runs." columns=${[
      ["Process", (worker) => worker.pid, "number"], ["Node", (worker) => worker.node.slice(0, 8)],
      ["State", (worker) => worker.state], ["Runs", (worker) => worker.task_id ? html`<a href=${`#/task/${worker.task_id}`}>${worker.task}</a>` : worker.task],
      ["For", (worker) => (worker.task ? seconds(worker.seconds) : ""), "number"], ["Behind it", (worker) => count(worker.count), "number"],
    ]}/>`;
}
