/** Under the base URL: where nodes send messages. */
export const MESSAGES_PATH = '/v1/messages';
/** And where anybody calls a handler, whose type follows. */
export const CALL_PATH = '/v1/call/';
