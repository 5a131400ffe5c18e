export { type Clock, SystemClock, type Timer } from './base/clock.js';
export type { ConnectionCode, JoinCode, MessageCode, ProgramCode, WorkCode } from './base/error-codes.js';
export {
  ERROR_CODES,
  type ErrorCode,
  isNetworkError,
  NetworkError,
  type NetworkErrorOptions,
  NetworkRetryExhaustedError,
  NetworkTimeoutError,
  type RetryExhaustedOptions,
  summaryOf,
  type WireError,
  type Work,
  workOf,
} from './base/errors.js';
export type { Log } from './base/log.js';
export type { NodeId, Role } from './base/names.js';
export type { Random } from './base/random.js';
export { VERSION } from './base/version.js';
export { type CreateCollaboratorOptions, createCollaborator } from './compose/collaborator.js';
export type { CommonOptions } from './compose/common.js';
export type { JoinOptions } from './compose/join.js';
export { type CreateLeaderOptions, createLeader, type ListenAt, type SecureLeader } from './compose/leader.js';
export { type ConnectOperatorOptions, connectOperator } from './compose/operator.js';
export {
  defineMessage,
  type HandleMethod,
  type Handler,
  type HandlerContext,
  type HandlerOptions,
  handle,
  type InputOf,
  type MessageDefinition,
  type OutputOf,
  type SchemaInput,
  type SchemaOutput,
} from './manager/handler.js';
export { NetworkManager } from './manager/manager.js';
export type { MemberStatus } from './membership/member.js';
export type { StatusReason } from './membership/membership-event.js';
export {
  type Codec,
  DEFAULT_DECODE_LIMITS,
  type DecodedFrame,
  type DecodeLimits,
  type EncodedMessage,
  type Frame,
  type InvalidMessage,
} from './message/codec.js';
export type { CodecName, Encoding } from './message/codec-name.js';
export { codecNamed } from './message/codecs.js';
export {
  type BodyAnnouncement,
  type MessageDraft,
  type MessageKind,
  type NetworkMessage,
  PROTOCOL_VERSION,
  type Priority,
} from './message/message.js';
export { payloadOf, type RawPayload } from './message/raw-payload.js';
export type { Stamp } from './message/stamp.js';
export type { AuthenticationChannel, Authenticator, Hello, Identity } from './network/authenticator.js';
export type { Credentials, CredentialsChannel, ListenTls, PeerLocation } from './network/credentials.js';
export { Endpoint, type EndpointParts, type RequestingNetwork } from './network/endpoint.js';
export type { FramedCounters } from './network/framed/counters.js';
export type { FramedLimits } from './network/framed/limits.js';
export type {
  BoundAddress,
  ListenOptions,
  TcpListenOptions,
  UnixListenOptions,
} from './network/framed/listen-options.js';
export type { RefusedLimits } from './network/framed/read-throttle.js';
export type { HttpCounters } from './network/http/counters.js';
export type { HttpLimits } from './network/http/limits.js';
export { HttpNetwork } from './network/http/network.js';
export type { Authenticate, HttpListenOptions, HttpNetworkOptions, RequestHead } from './network/http/options.js';
export type { InflationLimits } from './network/inflation-budget.js';
export { LoopbackAuthenticator, type LoopbackAuthenticatorOptions } from './network/loopback-authenticator.js';
export type { MessageContext, MessageHandler } from './network/message-handler.js';
export { Meter, type MeterReading } from './network/meter.js';
export type { BodyMetrics, NetworkMetrics, RequestMetrics } from './network/metrics.js';
export type { MutualTlsOptions } from './network/mutual-tls.js';
export type {
  Admission,
  AdmissionGranted,
  Candidate,
  MessageSink,
  Network,
  Peer,
  PeerEvent,
  SendOutcome,
  StopOptions,
  Traffic,
} from './network/network.js';
export type { OutboundLimits } from './network/outbound.js';
export type { EjectionOptions } from './network/reliable/balancer.js';
export type { CircuitOptions, CircuitState } from './network/reliable/circuit-breaker.js';
export type { ThrottleOptions } from './network/reliable/client-throttle.js';
export type { ReliableNetworkOptions, Route } from './network/reliable/options.js';
export {
  type ReliableEvents,
  type ReliableLimits,
  ReliableNetwork,
  type ReliablePeer,
} from './network/reliable/reliable-network.js';
export type { RetryBudgetOptions } from './network/reliable/retry-budget.js';
export type { RequestDraft, RequestLimits } from './network/requester.js';
export { SocketAuthenticator, type SocketAuthenticatorOptions } from './network/socket-authenticator.js';
export type { Body, BodyProgress, ProgressListener, ReadableBody } from './network/streams/body.js';
export type { ByteStream, WholeBody } from './network/streams/byte-stream.js';
export type { BodyLimits } from './network/streams/limits.js';
export type { BodyDraft } from './network/streams/uploads.js';
export { NetworkClient, type NetworkClientOptions } from './network/tcp/client.js';
export type { TcpCounters } from './network/tcp/counters.js';
export { TcpNetwork } from './network/tcp/network.js';
export type { TcpLimits, TcpListen, TcpNetworkOptions } from './network/tcp/options.js';
export type { PendingBounds } from './network/tcp/pending.js';
export type { PingOptions, Pong } from './network/tcp/pings.js';
export { NetworkServer, type NetworkServerOptions } from './network/tcp/server.js';
export type { WebSocketCounters } from './network/websocket/counters.js';
export { WebSocketNetwork } from './network/websocket/network.js';
export type {
  DialOptions,
  WebSocketLimits,
  WebSocketNetworkOptions,
} from './network/websocket/options.js';
export type { NetworkFactory, NetworkIdentity, NetworkWiring } from './network/wiring.js';
export type { Audit, Operated, Refused } from './role/audit.js';
export type { Collaborator, CollaboratorOptions, LeaderEvent } from './role/collaborator.js';
export type { Leader, LeaderOptions } from './role/leader.js';
export type { Operator, OperatorOptions } from './role/operator.js';
export type { Answer, EachOptions, Emission, NewInvite, OperatorApi, StatusOptions } from './role/operator-api.js';
export type { AnyDefinition, EmitOptions, RequestOptions } from './role/request.js';
export type { MemberEvent } from './role/roster.js';
export type {
  AuthorityView,
  EnrolledDevice,
  Invitation,
  InvitedRole,
  InviteOptions,
  SecurityOperations,
} from './role/security-operations.js';
export type { ClusterStatus, CollaboratorStatus, LeaderStatus, NodeStatus } from './role/status.js';
