import assert from "node:assert/strict";
import { createGuard } from "../../src/http/guard.ts";

const url = "http://127.0.0.1:8080/payload";

/** A request as the runtime makes it of these headers; if their host makes no URL, it has a URL of its own. */
function requestOf(headers: Record<string, string>): Request {
  const own = `http://${headers["host"]}/payload`;
  return new Request(headers["host"] && URL.canParse(own) ? own : url, { headers });
}

Deno.test("hostRefusal() accepts addresses, localhost and the server's names, at any port, and nothing else", () => {
  const { hostRefusal } = createGuard(["jobs.example.com", ".svc.example"]);
  const passes = (host: string) => hostRefusal(requestOf({ host })) === undefined;
  for (
    const host of [
      "127.0.0.1:8080",
      "127.0.0.1",
      "0.0.0.0:1",
      "203.0.113.7",
      "[::1]:8080",
      "[2001:db8::1]",
      "localhost",
      "LocalHost.:9",
      "a.b.localhost:8080",
      "jobs.example.com",
      "JOBS.example.com.:443",
      "a.svc.example",
      "a.b.svc.example:80",
    ]
  ) assert.ok(passes(host), host);
  for (
    const host of [
      "evil.example",
      "evil.example:8080",
      "notlocalhost",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "www.jobs.example.com",
      "svc.example",
      "a.svc.example.evil.example",
      "a.localhost.evil.example",
      "evilsvc.example",
      "evil.example@localhost",
      "localhost, evil.example",
      "evil.example/localhost",
      "a b",
    ]
  ) assert.ok(!passes(host), host);
});

Deno.test("hostRefusal() accepts a request without a Host, as in HTTP/1.0; over HTTP/2 the URL has the host", () => {
  const { hostRefusal } = createGuard([]);
  assert.equal(hostRefusal(new Request(url, { headers: { host: "" } })), undefined);
  assert.equal(hostRefusal(new Request(url)), undefined);
  assert.deepEqual(hostRefusal(new Request("http://evil.example:1/payload")), {
    kind: "unknown_host",
    host: "evil.example",
  });
});

Deno.test("hostRefusal() refuses a request when its URL or its Host header is not the server's", () => {
  const { hostRefusal } = createGuard([]);
  const refusal = (of: string, host: string) => hostRefusal(new Request(of, { headers: { host } }));
  assert.deepEqual(refusal("http://evil.example/", "localhost"), {
    kind: "unknown_host",
    host: "evil.example",
  });
  assert.deepEqual(refusal("http://localhost/", "evil.example"), {
    kind: "unknown_host",
    host: "evil.example",
  });
});

Deno.test("hostRefusal() judges a request by both of its hosts, whatever request passed before it", () => {
  const ask = (host: string, url: string) => ({ url, headers: new Headers({ host }) }) as Request;
  const ours = "127.0.0.1:8080";
  const foreign = [
    ask("evil.example", `http://${ours}/payload`),
    ask(ours, "http://evil.example/payload"),
    ask(ours, "http://127.0.0.1.evil.example/payload"),
    ask(ours, "http://127.0.0.1.evil.example/payload"),
    ask(ours, `http:evil.example/${ours}/payload`),
    ask(ours, "http:///evil.example/payload"),
  ];
  for (const path of ["/payload", "", "?a=/", "/?a", "//payload"]) {
    const { hostRefusal } = createGuard([]);
    for (const request of foreign) {
      for (const _again of [1, 2]) {
        assert.equal(hostRefusal(ask(ours, `http://${ours}${path}`)), undefined, path);
      }
      assert.ok(hostRefusal(request), `${request.url} after ${path}`);
    }
  }
});

Deno.test("hostRefusal() refuses a Host that is not a host name, and does not repeat it", () => {
  const headers = { host: "user:secret@evil.example" };
  assert.deepEqual(createGuard([]).hostRefusal(requestOf(headers)), {
    kind: "unknown_host",
    host: undefined,
  });
});

Deno.test("createGuard() with a password accepts every host, but no page of another origin", () => {
  const { hostRefusal, pageRefusal } = createGuard(undefined);
  const headers = { host: "evil.example", origin: "http://other.example" };
  assert.equal(hostRefusal(requestOf(headers)), undefined);
  assert.deepEqual(pageRefusal(requestOf(headers)), { kind: "cross_site" });
});

Deno.test("pageRefusal() decides by Sec-Fetch-Site, and without it by Origin", () => {
  const { pageRefusal } = createGuard([]);
  const mayPass = (headers: Record<string, string>) =>
    pageRefusal(requestOf(headers)) === undefined;
  const host = "127.0.0.1:8080";
  for (
    const headers of [
      {},
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin", origin: "https://jobs.example.com" },
      { origin: "http://127.0.0.1:8080" },
      { origin: "HTTP://127.0.0.1:8080" },
    ]
  ) assert.ok(mayPass({ host, ...headers }), JSON.stringify(headers));
  for (
    const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "" },
      { "sec-fetch-site": "None" },
      { "sec-fetch-site": "same-origin, cross-site" },
      { "sec-fetch-site": "cross-site", origin: "http://127.0.0.1:8080" },
      { origin: "" },
      { origin: "null" },
      { origin: "http://evil.example" },
      { origin: "http://127.0.0.1" },
      { origin: "http://127.0.0.1:3000" },
      { origin: "http://localhost:8080" },
      { origin: "http://127.0.0.1:8080, http://evil.example" },
      { origin: "file://" },
      { origin: "chrome-extension://abcdefgh" },
    ]
  ) assert.ok(!mayPass({ host, ...headers }), JSON.stringify(headers));
  // A scheme's default port may be in neither header, in one, or in both.
  for (const host of ["jobs.example.com", "jobs.example.com:443", "JOBS.example.com"]) {
    assert.ok(mayPass({ host, origin: "https://jobs.example.com" }), host);
  }
  assert.ok(!mayPass({ host: "", origin: "file://" }));
  assert.ok(!mayPass({ host: "", origin: "http://localhost" }));
  assert.ok(!mayPass({ host: "localhost", origin: "chrome-extension://localhost" }));
  const overHttp2 = (origin: string) =>
    pageRefusal(new Request("http://jobs.example.com:8443/payload", { headers: { origin } }));
  assert.equal(overHttp2("http://jobs.example.com:8443"), undefined);
  assert.deepEqual(overHttp2("http://evil.example:8443"), { kind: "cross_site" });
});
