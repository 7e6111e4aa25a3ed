"""LitServe with its defaults, scikit-learn inside."""

import sys
from typing import Any

import by_hand
import litserve


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.answer = by_hand.scikit_learn()

    def decode_request(self, request):  # LitServe takes an annotation for a form of its own
        return request[by_hand.FIELD]

    def predict(self, x: Any) -> Any:
        return self.answer(x)

    def encode_response(self, output):
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
