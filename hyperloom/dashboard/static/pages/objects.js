// What is kept: by creator, by holder, the largest.
import { chosenJob, JobTools, nodeLink, placeLink, tasksLink } from "../links.js";
import { count, html, size, Table, Trouble, useAnswer } from "../parts.js";

// Who made some of very many small values.
const madeBy = (some) => Object.entries(some).map(([name, number]) => `${name} made ${count(number)}`).join(", ");

export function Objects({ moment, rest }) {
  const job = chosenJob(moment, rest);
  const { answer, error } = useAnswer(`/api/objects?job=${job}&limit=50`, 3000);
  const tools = html`<${JobTools} moment=${moment} job=${job} page="objects"/>`;
  if (error) return html`${tools}<${Trouble} text=${error}/>`;
  if (!answer) return html`${tools}<p class="empty">Reading …</p>`;
  return html`${tools}
    <${Table} caption=${`Kept by job ${job}, by creator`} rows=${answer.created} rowKey=${(row) => row.name} empty="It keeps nothing." columns=${[
      ["Creator", (row) => (row.name === "put" || row.name.startsWith("(") ? row.name : tasksLink(job, row.name, row.name))], ["Objects", (row) => count(row.count), "number"],
      ["Bytes", (row) => size(row.bytes), "number"], ["In stores", (row) => size(row.in_store), "number"],
      ["Failures", (row) => count(row.failed), "number"],
    ]}/>
    ${answer.created.filter((row) => row.some_by).map((row) => html`<p key=${row.name} class="label">${row.name}: of ${count(Object.values(row.some_by).reduce((sum, each) => sum + each, 0))} looked at ${madeBy(row.some_by)}; loom ls objects --filter name=… lists all of one.</p>`)}
    <${Table} caption="Held by" rows=${answer.held} rowKey=${(row) => row.process} empty="Nobody holds anything." columns=${[
      ["Process", (row) => `${row.is} ${row.short}`], ["Node", (row) => nodeLink(row.node)],
      ["Objects", (row) => count(row.count), "number"], ["Bytes", (row) => size(row.bytes), "number"],
    ]}/>
    <${Table} caption="The largest" rows=${answer.objects} rowKey=${(row) => row.id} empty="There is none." columns=${[
      ["Object", (row) => html`<a href=${`#/task/${row.id}`}>${row.short}</a>`], ["Creator", (row) => row.name],
      ["Size", (row) => size(row.bytes), "number"], ["Where", (row) => placeLink(row.where)],
      ["Holders", (row) => count(row.holders), "number"], ["Held by", (row) => html`<span title=${row.pins.map((pin) => pin.says).join("\n")}>${row.pinned}</span>`, "text"], ["State", (row) => row.state],
    ]}/>
    ${answer.matched > answer.objects.length ? html`<p class="label">${count(answer.matched - answer.objects.length)} smaller ones: loom ls objects --limit.</p>` : ""}`;
}
