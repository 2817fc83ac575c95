// Mercurius on Fastify, with its compiler from the first execution on.
import fastify from 'fastify'
import mercurius from 'mercurius'
import { address } from './listen.mjs'
import { resolvers, typeDefs } from './schema.mjs'

const app = fastify({ logger: false })
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1, cache: true, subscription: true })
app.get('/ready', async () => 'ready')
await app.listen(address)
