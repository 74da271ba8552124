import assert from "node:assert/strict";
import { hostNameOf } from "../../src/wire/host_name.ts";

Deno.test("hostNameOf() returns the host of a Host header in the form that URLs have", () => {
  for (
    const [authority, host] of [
      ["localhost", "localhost"],
      ["Jobs.Example.COM:8080", "jobs.example.com"],
      ["jobs.example.com.:443", "jobs.example.com"],
      ["job_runner:", "job_runner"],
      ["127.0.0.1:8080", "127.0.0.1"],
      ["127.1", "127.0.0.1"],
      ["0x7f000001", "127.0.0.1"],
      ["[::1]:8080", "::1"],
      ["[fe80::1%eth0]", "fe80::1%eth0"],
      ["bücher.example", "xn--bcher-kva.example"],
    ] as const
  ) assert.equal(hostNameOf(authority), host, authority);
});

Deno.test("hostNameOf() returns undefined for anything but a single host", () => {
  for (
    const authority of [
      "",
      " ",
      ".",
      ":8080",
      "a b",
      "a, b",
      "::1",
      "[::1",
      "[]",
      "[localhost]",
      "a:b",
      "a:1:2",
      "user@localhost",
      "localhost/..",
      "localhost?x",
      "localhost#x",
      "localhost\\x",
      "http://localhost",
      "1.2.3.256",
      "a<b",
    ]
  ) assert.equal(hostNameOf(authority), undefined, authority);
});
