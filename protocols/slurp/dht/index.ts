/**
 * Records in the DHT: which are believed and stored, how a node's own get there, and how those of
 * others are found.
 *
 * @packageDocumentation
 */
export { DHT_NAMESPACE, type DhtName, hashKey, headKey, parseKey, tokenKey } from './key.ts';
export { MeshRecords, type MeshRecordsComponents } from './mesh-records.ts';
export type { Dht } from './ports.ts';
export {
  type AgentDhtRecord,
  agentDhtRecord,
  type HeadDhtRecord,
  headDhtRecord,
} from './record-codec.ts';
export { type Judged, RecordJudge, type RecordJudgeComponents } from './record-judge.ts';
export type { RecordRefusal } from './refusal.ts';
export { RecordResolver, type RecordResolverComponents } from './resolver.ts';
