/**
 * `cooee doctor`: what was found, one line a check. Each check is a pure function from facts to a
 * line; `probe/` gathers the facts.
 *
 * @packageDocumentation
 */
export { Doctor, type DoctorInit } from './probe/examine.ts';
export { examineOffline, type OfflineInit } from './probe/offline.ts';
