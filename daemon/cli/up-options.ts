import type { DoctorView } from '../api/routes/index.ts';

/** Levels of the daemon's log, from quiet to talkative. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What `cooee up` was asked for. A field that is absent was not given: the configuration file, the
 * home or the default decides.
 */
export interface UpOptions {
  /** The node's home, absolute. */
  readonly home: string;
  /** Path of the operator socket, absolute; `<home>/cooee.sock` when absent. */
  readonly socket?: string;
  /** Path of the agent socket, absolute; `<home>/agent.sock` when absent. */
  readonly agentSocket?: string;
  /** Name or number of the group that may use the agent socket. */
  readonly agentGroup?: string;
  /** Multiaddrs to listen on; empty = not given. */
  readonly listen: readonly string[];
  /** The hostname of this host's agents, instead of the system's. */
  readonly hostname?: string;
  /** The MAC address of this host's agents, instead of the system's. */
  readonly mac?: string;
  /** False after `--no-mdns`; absent when not given. */
  readonly mdns?: boolean;
  /**
   * The text of an invite (already read from `-`, `@FILE` or COOEE_INVITE, white space removed);
   * not decoded.
   */
  readonly join?: string;
  /**
   * Give up when no inviter answers for half a minute, instead of trying until the invite expires.
   */
  readonly joinOrFail?: boolean;
  /** Take over a home that was made on another machine. */
  readonly adopt: boolean;
  /** Write JSON instead of text for people. */
  readonly json: boolean;
  readonly logLevel?: LogLevel;
  /** Path of the configuration file, absolute; the default place when absent. */
  readonly config?: string;
  /**
   * How the user calls this program again, `--home` included where it is needed: `npx cooee`,
   * `cooee --home /x`.
   */
  readonly command: string;
  /** Whether text for people on stdout may be coloured. */
  readonly colour: boolean;
}

/** What daemon/main.ts hands in: loads the daemon's code, and only then. */
export type LoadDaemon = () => Promise<{
  /** Runs a daemon until it is told to stop; the exit code when it has. */
  readonly runDaemon: (options: UpOptions) => Promise<number>;
  /** Looks at a home on which no daemon answers. */
  readonly examineOffline: (init: {
    readonly home: string;
    readonly socket: string;
  }) => Promise<DoctorView>;
}>;
