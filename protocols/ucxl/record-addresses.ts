import { CooeeError, LIMITS } from '../interface/index.ts';
import type { Address } from './address.ts';

/** The project of the mesh's own records: no submission stands there. */
export const MESH_PROJECT = 'COOEE';

/** Where the mesh keeps its register of agents. */
const ENROL = 'ucxl://any:admin@COOEE:enrol/#/agentid/';

/** Where the mesh keeps its members. */
const MEMBER = 'ucxl://any:admin@COOEE:mesh/#/member/';

/** Where the leader announces itself. */
const LEADER = 'ucxl://any:admin@COOEE:slurp/#/leader';

/** Where the calls for human help are. */
const CALL = 'ucxl://any:human@COOEE:help/#/call/';

/** Numbers of token version 2 have 24 bits. */
const NUMBER_MAX = 2 ** 24 - 1;

/** What an address of the register of agents names. */
export type EnrolRecord =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'agent'; readonly number: number; readonly slot: number }
  | { readonly kind: 'enrolment'; readonly tinyHash: string };

/**
 * The address of a granted agent; without a slot, that of the list of all agents of the number.
 *
 * @throws CooeeError ERR_AGENT_ID_RANGE
 */
export function agentAddress(number: number, slot?: number): string {
  checkRange('number', number, NUMBER_MAX);
  if (slot === undefined) return `${ENROL}${number}`;
  checkRange('slot', slot, LIMITS.gpuSlotsMax - 1);
  return `${ENROL}${number}/${slot}`;
}

/**
 * The address that an enrolment request is published under.
 *
 * @param tinyHash of the first tuple of the request, in canonical form
 * @throws CooeeError ERR_AGENT_ID_RANGE when it is not ten symbols in canonical form
 */
export function enrolmentAddress(tinyHash: string): string {
  if (TINY_HASH.test(tinyHash)) return ENROL + tinyHash;
  throw new CooeeError('ERR_AGENT_ID_RANGE', 'A tiny hash has 10 symbols and begins with 0-7.');
}

/** What the address names in the register of agents; null when it is no present address of it. */
export function enrolRecordOf(address: Address): EnrolRecord | null {
  const [folder, name = '', slot, ...more] = ownPathOf(address, 'enrol')?.split('/') ?? [];
  if (folder !== 'agentid' || more.length > 0) return null;
  if (slot === undefined && TINY_HASH.test(name)) return { kind: 'enrolment', tinyHash: name };
  const number = wholeNumber(name, NUMBER_MAX);
  if (number === null) return null;
  if (slot === undefined) return { kind: 'number', number };
  const slotNumber = wholeNumber(slot, LIMITS.gpuSlotsMax - 1);
  return slotNumber === null ? null : { kind: 'agent', number, slot: slotNumber };
}

/** The address of a member, also after its removal. */
export function memberAddress(peer: string): string {
  return MEMBER + peer;
}

/** The peer id that a member's address names; null when it is no present address of a member. */
export function memberRecordOf(address: Address): string | null {
  const path = ownPathOf(address, 'mesh');
  const [, peer] = /^member\/([^/]+)$/.exec(path ?? '') ?? [];
  return peer ?? null;
}

/** The address of the leader's recipient: what enrolments of its term are sealed to. */
export function leaderAddress(): string {
  return LEADER;
}

/** Whether it is the present address of the leader's recipient. */
export function isLeaderRecord(address: Address): boolean {
  return ownPathOf(address, 'slurp') === 'leader';
}

/** The address of a call for human help. */
export function callAddress(id: string): string {
  return CALL + id;
}

/** The id of the call that an address names; null when it is no present address of a call. */
export function callRecordOf(address: Address): string | null {
  if (address.kind !== 'record' || address.temporal.kind !== 'now') return null;
  if (address.agent !== 'any' || address.role !== 'human') return null;
  if (address.project !== MESH_PROJECT || address.task !== 'help') return null;
  const [, id] = /^call\/([^/]+)$/.exec(address.path) ?? [];
  return id ?? null;
}

/** The path of a present address `ucxl://any:admin@COOEE:<task>/#/…`; null of any other. */
function ownPathOf(address: Address, task: string): string | null {
  if (address.kind !== 'record' || address.temporal.kind !== 'now') return null;
  if (address.agent !== 'any' || address.role !== 'admin') return null;
  return address.project === MESH_PROJECT && address.task === task ? address.path : null;
}

/** No number of an agent has ten digits, so the two never meet. */
const TINY_HASH = /^[0-7][0-9A-HJKMNP-TV-Z]{9}$/;

function wholeNumber(text: string, max: number): number | null {
  if (!/^(?:0|[1-9][0-9]{0,7})$/.test(text)) return null;
  const number = Number(text);
  return number <= max ? number : null;
}

function checkRange(field: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new CooeeError('ERR_AGENT_ID_RANGE', `The ${field} must be a whole number 0-${max}.`, {
    details: { field, max },
  });
}
