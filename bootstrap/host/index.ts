/**
 * What a host is: its name, MAC address, GPUs and models; who it stays over changes; which agents
 * are wanted on it.
 *
 * @packageDocumentation
 */
export { detectHost } from './detect.ts';
export { describeGpu } from './gpu/detect-gpus.ts';
export {
  type DurableTextPort,
  HOST_FILE_BYTES_MAX,
  HOST_FILE_NAME,
  HostFile,
  type HostRecord,
  type WantedAgent,
} from './host-file.ts';
export {
  type HostIdentity,
  type IdentityFlags,
  type IdentitySource,
  type ReconciledHost,
  reconcileHost,
} from './identity.ts';
export { type SystemPortsInit, systemPorts } from './system-ports.ts';
export type * from './types.ts';
