// The frame: where one is, and what is shown there.
import { render } from "./vendor/preact.mjs";
import { useEffect, useState } from "./vendor/hooks.mjs";
import { html, Trouble, useMoments } from "./parts.js";
import { Overview } from "./pages/overview.js";
import { Jobs } from "./pages/jobs.js";
import { Plan } from "./pages/plan.js";
import { Stream } from "./pages/stream.js";
import { Tasks, Task } from "./pages/tasks.js";
import { Nodes } from "./pages/nodes.js";
import { Objects } from "./pages/objects.js";
import { Errors } from "./pages/errors.js";
import { Graph } from "./pages/graph.js";
import { Actors } from "./pages/actors.js";
import { Logs } from "./pages/logs.js";
import { Profile } from "./pages/profile.js";

const PAGES = [
  ["overview", "Overview", Overview], ["jobs", "Jobs", Jobs], ["graph", "Graph", Graph],
  ["stream", "Task stream", Stream], ["tasks", "Tasks", Tasks], ["actors", "Actors", Actors],
  ["nodes", "Nodes", Nodes], ["objects", "Objects", Objects], ["errors", "Errors", Errors],
  ["logs", "Logs", Logs], ["profile", "Profile", Profile],
];

// What has no place of its own in the navigation, but below another.
const WITHIN = [["plan", "Plan", Plan, "jobs"], ["task", "Task", Task, "tasks"]];

function usePlace() {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [place, set] = useState(read());
  useEffect(() => {
    const moved = () => set(read());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

function Frame() {
  const [name = "overview", ...rest] = usePlace();
  const moment = useMoments();
  const at = name || "overview";
  const [, title, Page, within] = [...PAGES, ...WITHIN].find(([each]) => each === at) || PAGES[0];
  useEffect(() => {
    document.title = `${title} · HyperLoom`;
    const current = document.querySelector("nav a[aria-current]");
    if (current) current.scrollIntoView({ block: "nearest", inline: "nearest" });  // of a narrow window
  }, [title]);
  const trouble = moment && moment.error;
  const says = !moment ? "connecting …" : trouble ? "no connection" : moment.server ? `${moment.server.name} ${moment.server.version}` : "history";
  return html`
    <header>
      <a class="name" href="#/overview"><img src="/static/icon.svg" alt=""/>HyperLoom</a>
      <nav aria-label="Pages"><ul>${PAGES.map(([each, label]) => html`
        <li key=${each}><a href=${`#/${each}`} aria-current=${each === at ? "page" : each === within ? "true" : null}>${label}</a></li>`)}</ul></nav>
      <span class=${`state ${trouble ? "bad" : ""}`} role="status">${says}</span>
    </header>
    <main id="content" data-page=${at}><h1>${title}</h1><${Trouble} text=${trouble}/>
      ${moment && moment.jobs ? html`<${Page} key=${at} moment=${moment} rest=${rest}/>` : html`<p class="empty">Reading …</p>`}
    </main>`;
}

render(html`<${Frame}/>`, document.getElementById("page"));
