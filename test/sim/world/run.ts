/** What a run of a simulation is made of. */
export interface RunInit {
  readonly seed: number;
  /** Voters at the beginning. */
  readonly nodes: number;
  /** Events with harm; then come those of the calm at the end. */
  readonly steps: number;
}

/** What a run came to. */
export interface RunResult {
  /** Of the whole trace: the same for the same seed. */
  readonly digest: string;
  readonly steps: number;
  readonly commit: number;
  readonly elections: number;
  /** Kinds of commands that were applied and not refused; nothing where there are none. */
  readonly kinds?: readonly string[];
}
