// Apollo Server on Express.
import { createServer } from 'node:http'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'
import { serveListeners, startApollo } from './apollo.mjs'
import { address } from './listen.mjs'

const app = express()
app.disable('x-powered-by')
app.disable('etag')
app.get('/ready', (_, response) => { response.end('ready') })
app.use('/graphql', express.json({ limit: '2mb' }), expressMiddleware(await startApollo()))
const server = createServer(app)
serveListeners(server)
server.listen(address.port, address.host)
