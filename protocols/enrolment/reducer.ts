import type { z } from 'zod';
import { tinyHashOf } from '../agent-id/index.ts';
import {
  type AgentRecord,
  type ApplyContext,
  isCooeeError,
  type MemberRecord,
  type Outcome,
  type Refusal,
  type RevisionCause,
  refuse,
  type StateEvent,
  type StateReader,
  type StateWriter,
} from '../interface/index.ts';
import { agentAddress } from '../ucxl/index.ts';
import { toHex } from '../wire/index.ts';
import {
  type Claim,
  type ClaimedAgent,
  decodeClaim,
  type grantBody,
  type rebindBody,
  type retireBody,
} from './codec.ts';
import { computeNumber, nextFree, type TokenBook, tokenBook } from './compute-number.ts';
import { reviseAgents } from './revise-agents.ts';
import { assertClaim } from './rules.ts';

/** What a grant says of one agent, in the order of the claim. */
export interface GrantedAgent {
  readonly token: string;
  readonly number: number;
  readonly slot: number;
  /** Hex. */
  readonly hash: string;
  /** False when the same tuple had been granted before. */
  readonly isNew: boolean;
}

/** The value of a granted `agent.grant`. */
export interface GrantValue {
  readonly agents: readonly GrantedAgent[];
}

/**
 * `agent.grant`: gives each agent of a claim its token; all or none. The publisher's signature is
 * checked here on every node, so a bad leader can withhold a grant but not forge one. What a
 * refused command wrote is thrown away by the caller, but for the number of the claim.
 */
export function reduceGrant(
  state: StateWriter,
  body: z.output<typeof grantBody>,
  context: ApplyContext,
): Outcome {
  const judged = judge(state, body.claim, context);
  if ('refused' in judged) return judged.refused;
  const { claim } = judged;
  // Also a refused claim is decided: its number is used up, or it could be granted another day.
  const { peer, boot, seq } = claim;
  const keep = (kept: StateWriter): void => kept.put('enrolment', peer, { boot, seq });
  // Nothing is caught here: a store that cannot be read refuses no claim that others have granted.
  const outcome = grant(state, claim, context);
  return outcome.ok ? outcome : { ...outcome, keep };
}

/** The claim, when it is sound. */
function judge(
  state: StateReader,
  bytes: Uint8Array,
  { crypto, meshId }: ApplyContext,
): { readonly claim: Claim } | { readonly refused: Refusal } {
  try {
    const signed = decodeClaim(bytes);
    assertClaim(signed, { state, crypto, meshId });
    return { claim: signed.value };
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    return { refused: refuse(error.code, error.message, error.details) };
  }
}

function grant(state: StateWriter, claim: Claim, context: ApplyContext): Outcome {
  const [first] = claim.agents;
  const host = `${first?.hostname}|${first?.mac}`;
  const owner = state.get('host', host);
  if (owner !== undefined && owner !== claim.peer) {
    return refuse('ERR_ENROLMENT_HOST_BOUND', undefined, { host, owner });
  }
  state.put('host', host, claim.peer);
  const book = tokenBook(context.crypto.sha256);
  const agents: GrantedAgent[] = [];
  const changed: AgentRecord[] = [];
  const events: StateEvent[] = [];
  for (const agent of claim.agents) {
    const known = state.get('hash', toHex(agent.hash));
    const record =
      known === undefined
        ? grantNew(state, agent, { peer: claim.peer, index: context.index, book })
        : reviveKnown(state, known);
    if (record === undefined) return refuse('ERR_ENROLMENT_FULL');
    const { token, number, gpuSlot: slot, hash } = record.agent;
    const isNew = known === undefined;
    agents.push({ token, number, slot, hash, isNew });
    if (!record.isChanged) continue;
    changed.push(record.agent);
    events.push(eventOf('agent:grant', record.agent, { isNew }));
  }
  reviseAgents(state, changed, causeOf(context, 'agent:grant'));
  state.put('enrolment', claim.peer, { boot: claim.boot, seq: claim.seq });
  const value: GrantValue = { agents };
  return { ok: true, value, events };
}

interface Granted {
  readonly agent: AgentRecord;
  /** False when it stood there, granted, before. */
  readonly isChanged: boolean;
}

/** The same tuple has the same token for ever; a new claim brings a retired agent back. */
function reviveKnown(state: StateWriter, token: string): Granted | undefined {
  const agent = state.get('agent', token);
  if (agent === undefined || agent.retiredIndex === null) {
    return agent && { agent, isChanged: false };
  }
  const revived: AgentRecord = { ...agent, retiredIndex: null };
  state.put('agent', token, revived);
  return { agent: revived, isChanged: true };
}

function grantNew(
  state: StateWriter,
  claimed: ClaimedAgent,
  by: { readonly peer: string; readonly index: number; readonly book: TokenBook },
): Granted | undefined {
  const gpuSlot = Number(claimed.gpu_id);
  const number = numberFor(state, claimed, by.book);
  if (number === undefined) return undefined;
  const token = by.book.tokenOf(number, gpuSlot);
  const hash = toHex(claimed.hash);
  const tinyHash = tinyHashOf(hash);
  const { model, hostname, mac, gpu_id: gpuId } = claimed;
  const agent: AgentRecord = {
    ...{ model, hostname, mac, gpuId, token, number, gpuSlot, hash, tinyHash, peer: by.peer },
    grantedIndex: by.index,
    retiredIndex: null,
  };
  const slots = state.get('number', String(number))?.slots ?? {};
  state.put('agent', token, agent);
  state.put('hash', hash, token);
  state.put('tiny', tinyHash, [...(state.get('tiny', tinyHash) ?? []), token]);
  const withSlot = { ...slots, [gpuId]: token };
  state.put('number', String(number), { model, hostname, mac, slots: withSlot });
  return { agent, isChanged: true };
}

/** A model on a host has one number, whatever its slots; a new one is taken in here. */
function numberFor(
  state: StateWriter,
  { model, hostname, mac, gpu_id }: ClaimedAgent,
  book: TokenBook,
): number | undefined {
  const key = `${model}|${hostname}|${mac}`;
  const known = state.get('model', key);
  if (known !== undefined) return known;
  const number = computeNumber(state, Number(gpu_id), book);
  if (number === undefined) return undefined;
  state.put('model', key, number);
  // Before the cursor looks for the next free one; its slots follow with the token.
  state.put('number', String(number), { model, hostname, mac, slots: {} });
  state.put('cursor', 'lowestFree', nextFree(state, state.get('cursor', 'lowestFree') ?? 0));
  return number;
}

/**
 * `agent.retire`: a member retires agents of its own node, an admin any. Retiring twice is success.
 */
export function reduceRetire(
  state: StateWriter,
  body: z.output<typeof retireBody>,
  context: ApplyContext,
): Outcome {
  const agent = state.get('agent', body.token);
  const member = presentMember(state, context.origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (agent === undefined) return refuse('ERR_API_NOT_FOUND', 'no agent has that token');
  if (agent.peer !== context.origin && member.role !== 'admin') {
    return refuse('ERR_MEMBERSHIP_FORBIDDEN', 'only an admin retires agents of other nodes');
  }
  const value = { token: agent.token };
  if (agent.retiredIndex !== null) return { ok: true, value };
  const retired: AgentRecord = { ...agent, retiredIndex: context.index };
  state.put('agent', agent.token, retired);
  reviseAgents(state, [retired], causeOf(context, 'agent:retire'));
  return { ok: true, value, events: [eventOf('agent:retire', retired)] };
}

/**
 * `agent.rebind`: an admin gives the (hostname, MAC) of an agent, with all agents on it, to another
 * member.
 */
export function reduceRebind(
  state: StateWriter,
  body: z.output<typeof rebindBody>,
  context: ApplyContext,
): Outcome {
  const member = presentMember(state, context.origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (member.role !== 'admin') return refuse('ERR_MEMBERSHIP_FORBIDDEN');
  const agent = state.get('agent', body.token);
  if (agent === undefined) return refuse('ERR_API_NOT_FOUND', 'no agent has that token');
  if (presentMember(state, body.peer) === undefined) return refuse('ERR_MEMBERSHIP_UNKNOWN_PEER');
  const { hostname, mac } = agent;
  state.put('host', `${hostname}|${mac}`, body.peer);
  const changed: AgentRecord[] = [];
  const events: StateEvent[] = [];
  for (const known of agentsOfHost(state, hostname, mac)) {
    if (known.peer === body.peer) continue;
    const moved: AgentRecord = { ...known, peer: body.peer };
    state.put('agent', known.token, moved);
    changed.push(moved);
    events.push(eventOf('agent:rebind', moved, { from: known.peer }));
  }
  reviseAgents(state, changed, causeOf(context, 'agent:rebind'));
  return { ok: true, value: { tokens: events.map(({ data }) => data['token']) }, events };
}

/**
 * A scan of all agents: rebinding is a rare act of a person. Sorted, since a state's order is its
 * own.
 */
function agentsOfHost(state: StateReader, hostname: string, mac: string): AgentRecord[] {
  const found: AgentRecord[] = [];
  for (const [, agent] of state.entries('agent')) {
    if (agent.hostname === hostname && agent.mac === mac) found.push(agent);
  }
  return found.sort((a, b) => (a.token < b.token ? -1 : 1));
}

function eventOf(
  type: string,
  agent: AgentRecord,
  more: Readonly<Record<string, unknown>> = {},
): StateEvent {
  const address = agentAddress(agent.number, agent.gpuSlot);
  return { type, address, data: { ...agent, ...more } };
}

function causeOf({ index, timeMs }: ApplyContext, cause: string): RevisionCause {
  return { index, timeMs, cause };
}

function presentMember(state: StateReader, peer: string): MemberRecord | undefined {
  const member = state.get('member', peer);
  return member?.removedIndex === null ? member : undefined;
}
