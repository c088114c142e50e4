# The gate as a container: `gate serve` as a user without rights, with a health check.
#
#   docker build -t lakefs-gate .
#   docker run -p 8090:8090 -v gate-data:/var/lib/gate -v ./expectations:/etc/gate:ro \
#     -e GATE_HOOK_TOKEN=... -e GATE_API_TOKEN=... -e GATE_PUBLIC_URL=https://gate.example.org \
#     -e LAKECTL_SERVER_ENDPOINT_URL=... -e LAKECTL_CREDENTIALS_ACCESS_KEY_ID=... \
#     -e LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=... lakefs-gate
#
# Without a volume on /etc/gate it judges by the example policy. GATE_HOOK_TOKEN_FILE and GATE_API_TOKEN_FILE
# read the tokens from secrets that are mounted as files.

FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/gate
WORKDIR /src
# The locked dependencies first: they change more rarely than the code.
COPY requirements.lock ./
RUN /opt/gate/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY actions actions
COPY hooks hooks
COPY expectations expectations
COPY local_lakefs local_lakefs
COPY gate_client gate_client
COPY gate_server gate_server
RUN /opt/gate/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="lakefs-gate" \
    org.opencontainers.image.description="Data quality gate and rollback service for lakeFS" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/gate --create-home gate
COPY --from=build /opt/gate /opt/gate
COPY expectations /etc/gate
ENV PATH=/opt/gate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GATE_DATA_DIR=/var/lib/gate \
    GATE_POLICY=/etc/gate/gate.yaml
USER 10001
WORKDIR /var/lib/gate
VOLUME /var/lib/gate
EXPOSE 8090
# Its own certificate is not looked at: it names the gate, not 127.0.0.1.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, ssl; from urllib.request import urlopen; s = 's' if os.environ.get('GATE_TLS_CERT') else ''; urlopen(f'http{s}://127.0.0.1:8090/healthz', timeout=4, context=ssl._create_unverified_context())"]
ENTRYPOINT ["gate"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8090"]
