import { gql } from '@apollo/client';

const MESSAGE = gql`
  fragment ChatMessage on Message {
    id
    messageId
    seq
    cursor
    type
    text
    timestamp
  }
`;

export const THREAD = gql`
  query Thread($threadId: ID!, $last: Int!, $before: String) {
    agentState(threadId: $threadId) {
      id
      threadId
      messageCursor
      messages(last: $last, before: $before) {
        edges {
          cursor
          node {
            ...ChatMessage
          }
        }
        pageInfo {
          hasPreviousPage
          startCursor
          endCursor
        }
      }
    }
  }
  ${MESSAGE}
`;

export const ADD = gql`
  mutation Say($input: AddMessageInput!) {
    addMessage(input: $input) {
      duplicate
      message {
        ...ChatMessage
      }
    }
  }
  ${MESSAGE}
`;

export const CREATE = gql`
  mutation Begin($input: CreateAgentStateInput!) {
    createAgentState(input: $input) {
      agentState {
        id
      }
    }
  }
`;

export const LIVE = gql`
  subscription Live($threadId: ID!, $after: String) {
    messageAdded(threadId: $threadId, after: $after) {
      ...ChatMessage
    }
  }
  ${MESSAGE}
`;
