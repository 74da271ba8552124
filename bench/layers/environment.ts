/**
 * The environment of one command.
 *
 * @module
 */

import { environmentOf } from "../../src/exec/child_env.ts";
import type { Layer } from "../layer.ts";

/** `environment`. */
export const layer: Layer = () => {
  const inherited = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/root", LANG: "C.UTF-8" };
  return (count) => {
    for (let i = 0; i < count; i++) {
      const jobFolder = `/run/jobrunner/job-${i}`;
      const env = environmentOf(inherited, {}, {
        command: "/bin/true",
        names: undefined,
        workerId: 1,
        id: `bench-${i}`,
        jobFolder,
        requestFile: `${jobFolder}/request`,
        responseFile: `${jobFolder}/response`,
        timeoutMs: 30_000,
      });
      if (env["JOBRUNNER_JOB_DIR"] !== jobFolder) throw new Error("the job's folder is missing");
    }
  };
};
