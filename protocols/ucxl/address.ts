/** Which version of a record: the present one, some steps from it, or a numbered one. */
export type Temporal =
  /** `#`, also written `*^`. */
  | { readonly kind: 'now' }
  /** `~~N` steps back or `^^N` forward, N from 1; without N one step. */
  | { readonly kind: 'back' | 'forward'; readonly steps: number }
  /** `*~N`: version N, counted from 1. */
  | { readonly kind: 'version'; readonly version: number };

/** `ucxl://agent:role@project:task/temporal/path`. `any` stands for itself here. */
export interface RecordAddress {
  readonly kind: 'record';
  readonly agent: string;
  /** null when the address names no role. */
  readonly role: string | null;
  readonly project: string;
  readonly task: string;
  readonly temporal: Temporal;
  /** Segments with `/` between them; empty when the address ends at its temporal part. */
  readonly path: string;
}

/** `ucxl://agentid:458RV`: the short form of an agent's record. */
export interface AgentIdAddress {
  readonly kind: 'agentid';
  /** What the id is by its length; whether it is a valid token is for protocols/agent-id to say. */
  readonly form: 'token' | 'tiny-hash';
  /** 5 or 8 symbols of a token, or 10 of a tiny hash; folded: upper case, no hyphens, no I L O. */
  readonly id: string;
}

/** Any UCXL address. */
export type Address = RecordAddress | AgentIdAddress;

/** An address in which parts may stand for all: how they match is in match.ts. */
export interface RecordPattern {
  readonly kind: 'record';
  /** `any` matches every agent; likewise role, project and task. */
  readonly agent: string;
  /** `any` matches every role and none; null matches only addresses without a role. */
  readonly role: string | null;
  readonly project: string;
  readonly task: string;
  /** null (written `any`) matches every temporal part. */
  readonly temporal: Temporal | null;
  /** The path, or its beginning when {@link isPrefix}. */
  readonly path: string;
  /** True when the pattern's path ends in `*`. */
  readonly isPrefix: boolean;
}

/** What addresses are matched against. */
export type AddressPattern = RecordPattern | AgentIdAddress;

/** In a pattern: everything. */
export const ANY = 'any';
export const SCHEME = 'ucxl://';
export const AGENT_ID_SCHEME = `${SCHEME}agentid:`;
