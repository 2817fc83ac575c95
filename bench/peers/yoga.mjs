// GraphQL Yoga on Node's own server: caches of parsed and validated documents are its defaults.
import { createServer } from 'node:http'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { address } from './listen.mjs'
import { resolvers, typeDefs } from './schema.mjs'

const schema = createSchema({ typeDefs, resolvers })
const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false, maskedErrors: false, healthCheckEndpoint: '/ready' })
const server = createServer(yoga)
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(address.port, address.host)
