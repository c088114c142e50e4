# What people try it with: Prefect, Jupyter, the client and the examples. Not for production.
#
#   docker build -f deploy/workbench.Dockerfile -t lakefs-gate-workbench .
FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="lakefs-gate-workbench" \
    org.opencontainers.image.description="Prefect, Jupyter and the examples of lakefs-gate" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10002 --home-dir /home/work --create-home work
WORKDIR /src
COPY requirements-dev.lock pyproject.toml README.md LICENSE ./
COPY actions actions
COPY hooks hooks
COPY expectations expectations
COPY local_lakefs local_lakefs
COPY gate_client gate_client
COPY gate_server gate_server
# The versions that the lock file says, without what only tests want. Jupyter is no dependency of ours.
RUN sed -e 's/ \\$//' -e '/--hash=/d' requirements-dev.lock > /tmp/constraints.txt \
    && pip install --no-cache-dir --disable-pip-version-check -c /tmp/constraints.txt \
        '.[server,prefect]' jupyterlab==4.4.9 \
    && rm -r /src/*
COPY --chown=work examples /home/work/examples
COPY --chown=work deploy /home/work/deploy
USER 10002
WORKDIR /home/work
ENV PYTHONUNBUFFERED=1
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
