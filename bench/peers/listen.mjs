// Where the peers listen.
const [host, port] = process.env.LISTEN_ADDR.split(':')

export const address = { host, port: Number(port) }
