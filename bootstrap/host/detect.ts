import { canonicalOrNone } from './canonical.ts';
import { detectGpus } from './gpu/detect-gpus.ts';
import { detectMac } from './mac.ts';
import { detectModels } from './models.ts';
import type { HostConfig, HostFacts, HostPorts } from './types.ts';

/**
 * Finds out what this host is: hostname, MAC address, GPUs, installed models. Never throws: what
 * cannot be found is missing, and a host without a GPU has one CPU slot. Takes as long as the
 * slowest port.
 */
export async function detectHost(ports: HostPorts, config: HostConfig = {}): Promise<HostFacts> {
  const [mac, gpus, models] = await Promise.all([
    detectMac(ports),
    detectGpus(ports),
    detectModels(ports, config),
  ]);
  const hostname = canonicalOrNone('hostname', ports.hostname());
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(mac === undefined ? {} : { mac }),
    gpus,
    models,
  };
}
