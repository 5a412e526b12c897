/**
 * Webhooks: what happens to calls for human help is told to HTTP servers that the operator of this
 * node names in its configuration (docs/webhooks.md).
 *
 * @packageDocumentation
 */
export { Endpoint, type EndpointInit } from './endpoint.ts';
export type { CallSource } from './feed.ts';
export { loadEndpoints } from './load-endpoints.ts';
export { messageBody, messageId } from './payload.ts';
export type { WebhookEvent } from './rules.ts';
export { HttpSender, type Sender, systemResolve } from './sender.ts';
export { Webhooks, type WebhooksComponents, type WebhooksInit } from './webhooks.ts';
