/** How values are written. */
export type Encoding = 'json' | 'msgpack';

/** An encoding as it is, or with payloads compressed where that makes them smaller. */
export type CodecName = Encoding | `${Encoding}+deflate`;
