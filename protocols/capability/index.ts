/**
 * Capability and availability: what each agent can do, how busy it is, and whether its node is
 * there. Formats, rules and examples: docs/protocols/capability.md.
 *
 * @packageDocumentation
 */
export {
  type AnnouncedAgent,
  type AnnouncementPart,
  type Availability,
  type AvailabilityPatch,
  announcementHash,
  announcementSchema,
  type Beat,
  decodeMessage,
  encodeAnnouncement,
  encodeBeat,
} from './codec.ts';
export { announcementJsonSchema } from './json-schema.ts';
export type { AgentPage, AgentQuery } from './query/find.ts';
export { type AgentStatus, type AgentView, computeView } from './query/view.ts';
export {
  type CapabilityComponents,
  type CapabilityInit,
  CapabilityService,
  type Liveness,
} from './service.ts';
