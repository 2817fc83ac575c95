"""Two threads of a program talk through one thread of agentstate: python3 demo.py [URL]"""

import sys
import threading
import uuid

from agentstate import AgentState

QUESTIONS = ["What is a cursor?", "And an epoch?", "Thank you."]


def answer(server, thread_id, after):
    """Answers every question once, however often it hears of it: the id of the answer is made of that of the question."""
    for message in server.follow(thread_id, after):
        if message["type"] == "HUMAN":
            server.add(thread_id, {"messageId": f"re-{message['messageId']}", "type": "AI", "content": f"About: {message['text']}"})
            server.set_context(thread_id, lambda context: f"{context}{message['text']} ")
        if message["text"] == QUESTIONS[-1]:
            return


def main():
    server = AgentState(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080")
    thread_id = f"demo-{uuid.uuid4()}"
    (first,) = server.add(thread_id, {"type": "SYSTEM", "content": "Be brief."}, create=True)
    worker = threading.Thread(target=answer, args=(server, thread_id, first["cursor"]))
    worker.start()
    for question in QUESTIONS:
        server.add(thread_id, {"type": "HUMAN", "content": question})
    worker.join(timeout=60)
    for message in server.messages(thread_id):
        print(f"{message['type'].lower():7}{message['text']}")


if __name__ == "__main__":
    main()
