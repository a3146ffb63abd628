"""The official SDKs with an ear beside them: the bytes of each answer as the door sent them."""

try:  # newer SDKs have the one, older ones the other
    import httpx2 as httpx
except ImportError:
    import httpx


class _Tee(httpx.SyncByteStream):
    def __init__(self, stream, ended):
        self.stream, self.ended, self.raw = stream, ended, bytearray()

    def __iter__(self):
        for piece in self.stream:
            self.raw += piece
            yield piece

    def close(self):
        self.stream.close()
        ended, self.ended = self.ended, None
        if ended is not None:
            ended(bytes(self.raw))


class Overhearing(httpx.HTTPTransport):
    """`heard(request, response, raw)` is told once for each answer, when the client has done with it."""

    def __init__(self, heard):
        super().__init__()
        self.heard = heard

    def handle_request(self, request):
        response = super().handle_request(request)
        response.stream = _Tee(response.stream, lambda raw: self.heard(request, response, raw))
        return response


def client(heard):
    """For the `http_client` of an SDK."""
    return httpx.Client(transport=Overhearing(heard), timeout=30)
