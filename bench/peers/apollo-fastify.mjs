// Apollo Server on Fastify.
import { fastifyApolloHandler } from '@as-integrations/fastify'
import fastify from 'fastify'
import { serveListeners, startApollo } from './apollo.mjs'
import { address } from './listen.mjs'

const app = fastify({ logger: false, bodyLimit: 2 << 20 })
app.get('/ready', async () => 'ready')
app.route({ url: '/graphql', method: ['POST'], handler: fastifyApolloHandler(await startApollo()) })
serveListeners(app.server)
await app.listen(address)
