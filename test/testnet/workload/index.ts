export type { Connect, WorkloadClient, WorkloadNode } from './link.ts';
export type { WorkloadStats } from './recorder.ts';
export { runWorkload, Workload, type WorkloadInit } from './workload.ts';
