// Jobs, how far each function of one is, the plans that can be taken up, and those of one job that could be.
import { Act } from "../actions.js";
import { chosenJob, JobTools, jobLink, logsLink, nodeLink, planLink, tasksLink } from "../links.js";
import { Behind, cancelledIn, clock, count, html, seconds, Table, Track, Trouble, useAnswer } from "../parts.js";

function Names({ job }) {
  const { answer, error } = useAnswer(`/api/job?job=${job}`);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return null;
  const rows = [...answer.names].sort((a, b) => b.submitted - a.submitted);
  return html`<${Behind} answer=${answer}/><${Table} caption=${`Functions of job ${job}`} rows=${rows} rowKey=${(row) => row.name}
    empty="It has submitted nothing yet." columns=${[
      ["Function", (row) => tasksLink(job, row.name, row.name)],
      ["Progress", (row) => html`<${Track} done=${row.done} failed=${row.failed} cancelled=${row.cancelled} total=${row.submitted}/>`],
      ["Submitted", (row) => count(row.submitted), "number"], ["Done", (row) => count(row.done), "number"],
      ["Left", (row) => count(row.left), "number"], ["Failed", (row) => count(row.failed), "number"],
      ...cancelledIn(rows), ["Tried again", (row) => count(row.retried), "number"],
      ["Items", (row) => (row.chunk > 1 ? html`<span title=${`of a map, up to ${count(row.chunk)} in a task; all other numbers are of tasks`}>${count(row.items_over)} of ${count(row.items)}</span>` : ""), "number"],
      ["Takes", (row) => seconds(row.mean_s), "number"],
    ]}/>`;
}

function Plans({ job }) {
  const { answer } = useAnswer(`/api/plans${job ? `?job=${job}` : ""}`, 5000);
  if (!answer || !answer.plans.length) return null;
  const gone = answer.plans.filter((row) => row.told_from_text);
  return html`<${Table} caption="Plans" rows=${answer.plans} rowKey=${(row) => row.id} empty="" columns=${[
    ["Plan", (row) => planLink(row.id, html`<code title=${row.id}>${row.short}</code>`)], ["Label", (row) => row.label], ["Tasks", (row) => count(row.tasks), "number"],
    ["Left", (row) => row.left_text, "number"],
    ["Over", (row) => (row.left === null ? "" : html`<${Track} done=${row.tasks - row.left} failed=${0} total=${row.tasks} word="over"/>`)],
    ["Results", (row) => count(row.results), "number"], ["There", (row) => row.there_text, "number"],
    ["Failed", (row) => row.failed_text, "number"], ...cancelledIn(answer.plans), ["Detached", (row) => (row.detached ? "yes" : "no")],
    ...(gone.length ? [["Told from", (row) => row.told_from]] : []), ["Submitted", (row) => clock(row.at)], ["Job", (row) => jobLink(row.job)],
    ["", (row) => (row.told_from_text ? "" : html`<${Act} what="cancel" id=${row.id} label="cancel"/>`)],
  ]}/>${gone.length ? html`<p class="label">${count(gone.length)} ${gone.length === 1 ? "plan is" : "plans are"} told from ${gone[0].told_from_text}</p>` : ""}`;
}

export function Jobs({ moment, rest }) {
  const chosen = chosenJob(moment, rest);
  const about = moment.jobs.find((job) => job.job === chosen);
  return html`
    ${chosen && html`<${JobTools} moment=${moment} job=${chosen} page="jobs"/><${Names} job=${chosen}/>`}
    ${about && about.state === "open" && html`<div class="tools"><${Act} what="cancel" id=${chosen} label="cancel all its tasks"/></div>`}
    <${Plans} job=${chosen}/>
    <${Table} caption="Jobs" rows=${moment.jobs} rowKey=${(job) => job.job} empty="No job is known."
      columns=${[
        ["Job", (job) => html`<a href=${`#/jobs/${job.job}`} aria-current=${job.job === chosen ? "true" : null}>${job.job}</a>`],
        ["State", (job) => html`<span class=${job.orphan ? "bad" : job.state === "open" ? "good" : "quiet"}>${job.state}</span>`],
        ["Program", (job) => html`<span class="cut" title=${job.program}>${job.program}</span>`], ["Opened", (job) => clock(job.opened)], ["Ended", (job) => clock(job.ended)],
        ["Node", (job) => nodeLink(job.node)], ["Submitted", (job) => count(job.submitted), "number"], ["Left", (job) => count(job.left), "number"],
        ["Failed", (job) => (job.failed ? html`<a class="bad" href=${`#/errors/${job.job}`}>${count(job.failed)}</a>` : "0"), "number"],
        ...cancelledIn(moment.jobs),
        ["", (job) => html`<a href=${`#/stream/${job.job}`}>stream</a> · <a href=${`#/graph/${job.job}`}>graph</a> · ${logsLink(job.job)}`],
      ]}/>
    ${moment.jobs.flatMap((job) => job.notes.map((note) => html`<p class=${job.orphan ? "bad" : "label"} key=${`${job.job} ${note}`}>${job.job}: ${note}</p>`))}
    ${moment.jobs_known > moment.jobs.length ? html`<p class="label">${count(moment.jobs_known - moment.jobs.length)} older ones: loom ls jobs.</p>` : ""}`;
}
