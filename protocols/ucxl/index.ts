/**
 * UCXL addresses: parse, format, match. Pure. Grammar and examples: docs/protocols/ucxl.md.
 *
 * @packageDocumentation
 */
export type {
  Address,
  AddressPattern,
  AgentIdAddress,
  RecordAddress,
  RecordPattern,
  Temporal,
} from './address.ts';
export { formatAddress } from './format.ts';
export { matches } from './match.ts';
export { parseAddress, parsePattern } from './parse.ts';
export {
  agentAddress,
  callAddress,
  callRecordOf,
  type EnrolRecord,
  enrolmentAddress,
  enrolRecordOf,
  isLeaderRecord,
  leaderAddress,
  MESH_PROJECT,
  memberAddress,
  memberRecordOf,
} from './record-addresses.ts';
