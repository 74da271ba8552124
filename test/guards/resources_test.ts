/**
 * The table of resources, the routes, the metrics and the documentation agree.
 */

import assert from "node:assert/strict";
import { catalogue } from "../../src/telemetry/catalogue.ts";
import { createHistogram } from "../../src/telemetry/histogram.ts";
import { createHttpSeries } from "../../src/telemetry/http_series.ts";
import {
  methods,
  methodsOf,
  type Resource,
  resources,
  type Route,
  routes,
  routesOf,
} from "../../src/wire/resources.ts";
import { projectRoot } from "../support/program.ts";
import { job, setUp } from "../support/routes.ts";

const rows: readonly (readonly [Route, Resource])[] = routes.map((
  route,
) => [route, resources[route]]);

const http = Deno.readTextFileSync(`${projectRoot}docs/reference/http.md`);

/** The routes with the command `pdf`, which is the default too. */
const named = { commands: { pdf: {} }, defaultCommand: "pdf" };

/** A path of a row. */
function pathOf(route: Route): string {
  return route.replace("{command}", "pdf");
}

function requestBy(method: string, headers: Record<string, string> = {}): RequestInit {
  return method === "POST" ? { method, headers, body: job } : { method, headers };
}

/** The texts of a pattern's first group. */
function firstGroups(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group = ""]) => group);
}

Deno.test("resources: every path answers the methods of its row and refuses all others", async () => {
  for (const setup of [{}, named]) {
    const { send } = setUp(setup);
    for (const route of routesOf(setup === named)) {
      const taken = methodsOf(route);
      assert.ok(taken.length > 0, route);
      for (const method of methods.filter((method) => method !== "OPTIONS")) {
        const { status, headers } = await send(pathOf(route), requestBy(method));
        const isTaken = taken.includes(method);
        assert.equal(status, isTaken ? 200 : 405, `${method} ${route}`);
        if (!isTaken) assert.equal(headers.get("allow"), [...taken, "OPTIONS"].join(", "), route);
      }
    }
  }
});

Deno.test("resources: the rows of commands with names are unknown paths without such commands", async () => {
  const { send } = setUp();
  const onlyNamed = routes.filter((route) => !routesOf(false).includes(route));
  assert.deepEqual(onlyNamed, ["/payload/{command}", "/run/{command}", "/commands"]);
  assert.deepEqual(routesOf(true), routes);
  for (const route of onlyNamed) {
    for (const method of methods.filter((method) => method !== "OPTIONS")) {
      assert.equal((await send(pathOf(route), requestBy(method))).status, 404, route);
    }
  }
});

Deno.test("resources: every path serves the clients that its row names", async () => {
  const codeOf = async (
    route: Route,
    { password, host = "localhost", ...headers }: {
      readonly password?: string;
      readonly host?: string;
      readonly "sec-fetch-site"?: string;
    },
  ) => {
    const { send } = setUp(password === undefined ? named : { ...named, password });
    const [method = ""] = methodsOf(route);
    const init = requestBy(method, { host, accept: "application/json", ...headers });
    const { status, text } = await send(pathOf(route), init, `http://${host}`);
    return status === 200 ? 200 : JSON.parse(text).code;
  };
  for (const [route, { who }] of rows) {
    const runsJobs = who === "password";
    const stranger = await codeOf(route, { host: "evil.example" });
    assert.equal(stranger, who === "anybody" ? 200 : "unknown_host", route);
    const ofPage = await codeOf(route, { "sec-fetch-site": "cross-site" });
    assert.equal(ofPage, runsJobs ? "cross_site" : 200, route);
    assert.equal(await codeOf(route, { password: "p" }), runsJobs ? "unauthorized" : 200, route);
  }
});

Deno.test("catalogue.httpDuration has the table's paths and methods as labels", () => {
  const { http_request_method, http_route } = catalogue.httpDuration.labels;
  assert.deepEqual(http_route, routes);
  assert.deepEqual(http_request_method, [...methods, "_OTHER"]);
});

Deno.test("createHttpSeries() has from the start the series of the table, and no others", () => {
  for (const named of [false, true]) {
    const histogram = createHistogram(catalogue.httpDuration);
    createHttpSeries(histogram, "http", named);
    const fromStart = histogram.series().map(({ labels }) =>
      ["http_request_method", "http_route", "http_response_status_code"].map((name) => labels[name])
        .join(" ")
    );
    const ofTable = rows.filter(([, { onlyNamed }]) => named || !onlyNamed).flatMap((
      [route, { methods }],
    ) =>
      Object.entries(methods).flatMap(([method, statuses]) =>
        statuses.map((status) => `${method} ${route} ${status}`)
      )
    );
    assert.equal(ofTable.includes("POST /payload/{command} 404"), named);
    assert.deepEqual(fromStart, ofTable);
  }
});

Deno.test("docs/reference/http.md names every path with its method, and no other", () => {
  const posted = firstGroups(http, /^## `POST (\/\S+)`$/gm);
  const section = /^## Other endpoints\n.*?(?=^##? )/ms.exec(http)?.[0] ?? "";
  const got = new Set(firstGroups(section, /^curl -s http:\/\/127\.0\.0\.1:8080(\/\S*) /gm));
  const taking = (method: "GET" | "POST") =>
    routes.filter((route) => methodsOf(route).includes(method));
  assert.deepEqual(posted.sort(), taking("POST").sort());
  assert.deepEqual([...got].sort(), taking("GET").sort());
});

Deno.test("docs/guides/security.md names the paths that are served under any host name", () => {
  const page = Deno.readTextFileSync(`${projectRoot}docs/guides/security.md`);
  const [list = ""] = firstGroups(page, /except `OPTIONS`, (.*?), unless the Host header/gs);
  const anybody = rows.filter(([, { who }]) => who === "anybody").map(([route]) => route);
  assert.deepEqual(firstGroups(list, /`([^`]+)`/g).sort(), anybody.sort());
});
