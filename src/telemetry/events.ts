/**
 * The one table of log events: the message of each, its level, and what its fields mean. Calls of the log name a row, and
 * docs/reference/logs.md is generated from it.
 *
 * @module
 */

/** How much an event matters, from the least to the most. */
export type Level = "debug" | "info" | "warning" | "error";

/** One row of the table. */
export interface EventRow {
  /** The level of every line of this event. */
  readonly level: Level;
  /** The fields, with their meaning where the name does not say it; in Markdown. */
  readonly fields: string;
}

/** The fields of every event about a request. */
const request =
  "`request_id`, `http.request.method`, `url.path`, `client.address`, `network.peer.address` (only behind a trusted proxy: the proxy's)";

/** The field of events about a job or a request whose sender is known. */
const token = "with tokens also `token` (the token's name)";

/** The fields that events about a job have in addition if commands have names. */
const named = "with a configuration file also `command`, `pool`";

/** The field of events about a job that came from another machine. */
const front = "of a job from another machine also `front` (that machine's name)";

/** The fields of events about another machine. */
const machine = "`node` and `node_id`: name and id of the machine";

/** The field of events about a queue if pools have names. */
const poolName = "with a configuration file also `pool`";

/** The limit of lines about warm processes. */
const oncePerMinute = "at most one line a minute for each command";

/** The whole table, by message. The part in `<…>` varies. */
export const events = {
  "job started": {
    level: "debug",
    fields:
      `\`request_id\`, \`id\`, \`worker_id\`, \`process.pid\`, \`payload_bytes\`; ${named}; ${token}; ${front}`,
  },
  "job ended": {
    level: "info",
    fields:
      `\`request_id\`, \`id\`, \`worker_id\`, \`outcome\`, \`exit_status\`, \`signal\`, \`process.pid\`, \`queued_sec\` (not of a job from another machine), \`elapsed_sec\`, \`payload_bytes\`, \`output_bytes\`, \`error_bytes\`, \`data_bytes\`, \`truncated\` (which outputs were cut), \`note\` (the \`message\` of the answer); of a warm command also \`warm\` (whether the process was there before the job) and \`process.jobs\` (the jobs that it has got, if it serves several); ${named}; ${token}; ${front}`,
  },
  "job could not be run": {
    level: "error",
    fields:
      `\`request_id\`, \`id\`, \`worker_id\`, \`reason\`: what failed in the spool or the machine; ${named}; ${token}; ${front}`,
  },
  "a warm process exited between two jobs": {
    level: "warning",
    fields:
      `\`worker_id\`, \`process.pid\`, \`exit_status\`, \`signal\`; ${oncePerMinute}; ${named}`,
  },
  "a warm process wrote between two jobs and was replaced": {
    level: "warning",
    fields: `\`worker_id\`, \`process.pid\`; ${oncePerMinute}; ${named}`,
  },
  "a warm process could not be started before its job": {
    level: "warning",
    fields: `\`worker_id\`, \`reason\`; ${oncePerMinute}; ${named}`,
  },
  "request refused": {
    level: "info",
    fields:
      `${request}, \`http.response.status_code\`, \`reason\` (the code of the error), \`detail\` (its sentence), \`queued_sec\` (if it had waited), \`server.address\` (only for \`unknown_host\`: the host that the request named); with a configuration file also \`command\`, if it is known; ${token}, if it is known`,
  },
  "a request's body could not be stored": {
    level: "error",
    fields: `${request}, \`reason\`: what failed in the spool`,
  },
  "request answered": {
    level: "info",
    fields:
      `${request}, \`http.response.status_code\`, \`duration_sec\`; ${token}; only with \`JOBRUNNER_ACCESS_LOG=on\``,
  },
  "listening on <url>": {
    level: "info",
    fields:
      "`version`, `program`, `workers`, `queue_limit`, `sandbox`; with a configuration file `commands` (how many) instead of `program`",
  },
  "signal ignored": {
    level: "info",
    fields: "`signal`; at most one line a minute for each signal",
  },
  "SIGUSR1 may open a debugger of the runtime": {
    level: "warning",
    fields: "`exception.message`: why jobrunner could not prevent it",
  },
  "stopping: accepting no new jobs, finishing queued and running ones; a second signal forces the stop":
    {
      level: "info",
      fields: "`cause`: the signal, or `a bug in the service`; `drain_timeout_sec`",
    },
  "stopped": {
    level: "info",
    fields: "",
  },
  "forced stop: killing running jobs and refusing queued ones": {
    level: "warning",
    fields: "`cause`: the second signal, or `the drain timeout`",
  },
  "forced stop: jobs were killed or refused": {
    level: "error",
    fields:
      "`cause`: as before; `running` and `waiting`: how many jobs were killed and refused; `end`: `drained` (every client was answered or given up), `died` (the service died) or `given up` (the forced stop took too long); `answers_given_up`",
  },
  "cannot start": {
    level: "error",
    fields: "`reason`",
  },
  "configuration warning": {
    level: "warning",
    fields: "`warning`",
  },
  "configuration error": {
    level: "error",
    fields: "`error`: one line for each error of a configuration that was read again",
  },
  "configuration not reloaded: the one before stays in effect": {
    level: "error",
    fields: "`cause`: as below",
  },
  "configuration reloaded": {
    level: "info",
    fields: "`cause`: `SIGHUP`, or `its files have changed`; `commands`: how many there are",
  },
  "the new TLS certificate cannot be used: the one before stays in effect": {
    level: "error",
    fields: "`exception.message`: why; the next reload tries again",
  },
  "a changed setting needs a restart": {
    level: "warning",
    fields: "`setting`: its name; the value from the start stays in effect",
  },
  "running as process 1: processes that jobs leave behind stay as zombies; start jobrunner under an init such as tini (docker run --init)":
    {
      level: "warning",
      fields: "",
    },
  "gave up on an unread response": {
    level: "warning",
    fields:
      `${request}, \`cause\`: \`answer_timeout\` (the client read nothing for \`JOBRUNNER_ANSWER_TIMEOUT_SEC\`) or \`shutdown\``,
  },
  "a response could not be completed": {
    level: "error",
    fields:
      "`exception.stacktrace`: a bug in jobrunner, no memory, or a file of the result that cannot be read; the client sees that the response is incomplete",
  },
  "stopped: gave up on unread responses": {
    level: "error",
    fields: "`answers`: how many; the exit status is 1",
  },
  "connected to NATS": {
    level: "info",
    fields:
      "`server.version`; `group`; `node` and `node_id`: name and id of this machine; `away_sec`: how long there was no connection, if there was one before",
  },
  "NATS cannot be reached": {
    level: "warning",
    fields: "`reason`; once for each reason until there is a connection",
  },
  "the connection to NATS was lost": {
    level: "warning",
    fields: "`reason`; new jobs are refused until there is a connection again",
  },
  "the queue is shared": {
    level: "info",
    fields: `at the start, and again after the event below; ${poolName}`,
  },
  "the queue cannot be shared": {
    level: "error",
    fields: "`reason`: what somebody has to change in the settings or in NATS; jobs are refused",
  },
  "a machine has joined the group": {
    level: "info",
    fields: `${machine}, \`version\` (of jobrunner there)`,
  },
  "a machine has left the group": { level: "info", fields: machine },
  "a machine of the group gives no sign of life": {
    level: "warning",
    fields: `${machine}; its jobs are run by others, or answered with \`node_lost\``,
  },
  "commands differ on another machine of the group": {
    level: "warning",
    fields:
      `\`commands\`: their names, with commas; ${machine}; at once, and then every hour while they differ`,
  },
  "a message of another machine was not understood": {
    level: "warning",
    fields: "`detail`: what it was; at most one line a minute",
  },
  "a job is run again: what its machine did with it is lost": {
    level: "warning",
    fields:
      `\`request_id\`, \`id\`; ${machine}, which had it; \`next_node\`, \`next_node_id\`, which runs it now; ${named}; ${token}`,
  },
  "a job was lost: no machine may run it again": {
    level: "error",
    fields:
      `\`request_id\`, \`id\`; ${machine}, which had it; its client gets 502 \`node_lost\`; ${named}; ${token}`,
  },
  "a job was put into the queue again: NATS had lost it": {
    level: "warning",
    fields: `\`request_id\`, \`id\`; ${named}; ${token}`,
  },
  "a result was given up: the machine of its client did not take it": {
    level: "warning",
    fields:
      `\`request_id\`, \`id\`, \`front\`, \`front_id\`: that machine; for a minute it was tried, or that machine has left; ${named}; ${token}`,
  },
  "a result was not wanted by the machine of its client": {
    level: "debug",
    fields:
      `\`request_id\`, \`id\`, \`front\`, \`front_id\`: that machine, whose client has disconnected or has another result; ${named}; ${token}`,
  },
  "the unix socket cannot be reached": { level: "error", fields: "`exception.message`" },
  "the unix socket could not be removed": { level: "warning", fields: "`exception.message`" },
  "connections could not be accepted; listening again as soon as possible": {
    level: "error",
    fields: "`exception.message`",
  },
  "request handling failed": {
    level: "error",
    fields: "`request_id`, `exception.stacktrace`: a bug in jobrunner",
  },
  "uncaught error in a worker": {
    level: "error",
    fields: `\`request_id\`, \`exception.stacktrace\`: a bug in jobrunner; ${named}; ${front}`,
  },
  "uncaught error in the service": {
    level: "error",
    fields: "`exception.stacktrace`: a bug in jobrunner; the server drains",
  },
  "the service died: killing its jobs' processes": {
    level: "error",
    fields:
      "`reason`: it crashed, exited or hung, or which rule one of its messages broke; `request_id`: the request it was handling, if known",
  },
  "a job's files could not be removed": {
    level: "error",
    fields: "`exception.message`",
  },
  "some processes of a job could not be killed": {
    level: "error",
    fields: "`mark`: the job's folder; `left`: how many processes are still running",
  },
  "killing a job's processes failed": {
    level: "error",
    fields: "`mark`: the job's folder; `exception.message`",
  },
  "a launcher could not be removed": {
    level: "error",
    fields: "`file.path`, `exception.message`",
  },
  "the server's folder could not be removed": {
    level: "error",
    fields: "`file.path`, `exception.message`",
  },
  "the server's folder cannot be repaired": {
    level: "error",
    fields: "`file.path`, `exception.message`",
  },
  "repaired the server's folder: something was changed, replaced or removed": {
    level: "warning",
    fields: "`file.path`: what was repaired; a job did the damage, or a cleaner of temporary files",
  },
  "cannot scan for leftovers of dead servers": {
    level: "warning",
    fields: "`file.path`, `exception.message`",
  },
  "removed leftovers of a dead server": {
    level: "warning",
    fields: "`file.path`, `processes_ended`: how many processes were killed",
  },
  "cannot remove leftovers of a dead server": {
    level: "warning",
    fields: "`file.path`, `processes_ended`, `exception.message`",
  },
  "systemd could not be notified": {
    level: "warning",
    fields: "`exception.message`; logged once",
  },
  "tracing": {
    level: "warning",
    fields:
      "`detail`: the exporter's message, without the receiver's own text and without user, password and query of a URL",
  },
  "log lines were lost": {
    level: "warning",
    fields: "`count`",
  },
} as const satisfies Readonly<Record<string, EventRow>>;

/** The name of an event: its message in the table. */
export type EventName = keyof typeof events;

/** The message of an event as a line has it. Only one has a part that varies. */
export type EventMessage =
  | Exclude<EventName, "listening on <url>">
  | `listening on ${string}`;

const levels: ReadonlyMap<string, Level> = new Map(
  Object.entries(events).map(([name, { level }]) => [name, level]),
);

/** The level of an event. */
export function levelOf(message: EventMessage): Level {
  return levels.get(message) ?? events["listening on <url>"].level;
}
