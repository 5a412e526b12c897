/**
 * Recovery of a mesh that lost the majority of its voters: epochs begun by the operator's key.
 *
 * @packageDocumentation
 */
export { EpochBook, RECOVERY_KEYS } from './epoch-book.ts';
export { RecoveryExchange, type RecoveryExchangeComponents } from './exchange.ts';
export { genesisOf } from './genesis.ts';
export {
  MeshRecovery,
  type MeshRecoveryComponents,
  type RecoverOptions,
  type RecoveryPlan,
} from './mesh-recovery.ts';
export { type Epoch, epochOf, type MemberReport } from './recovery-rules.ts';
export { type ReportSources, reportOf } from './report.ts';
