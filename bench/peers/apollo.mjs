// What both forms of Apollo Server share. Its cache of documents is a default; what costs and serves nobody here is off.
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginCacheControlDisabled, ApolloServerPluginUsageReportingDisabled } from '@apollo/server/plugin/disabled'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { resolvers, typeDefs } from './schema.mjs'

const schema = makeExecutableSchema({ typeDefs, resolvers })

export async function startApollo() {
  const plugins = [ApolloServerPluginCacheControlDisabled(), ApolloServerPluginUsageReportingDisabled()]
  const apollo = new ApolloServer({ schema, plugins, introspection: false, stopOnTerminationSignals: false })
  await apollo.start()
  return apollo
}

// serveListeners serves subscriptions as Apollo's documentation says.
export function serveListeners(server) {
  useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
}
