# One image for every stage; the stage is the argument: `docker run murmur run --once coordinator`.
# Without arguments it runs all stages. It has the [otel] extra, and no GPU libraries (see pyproject.toml).
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY murmur murmur
COPY producers producers
COPY runtime runtime
COPY processors processors
COPY sinks sinks
# The lock file also has the development tools: only murmur's own dependencies are installed, in the locked versions.
RUN grep -E '^[A-Za-z0-9._-]+==' requirements.lock | sed 's/ *\\$//' > constraints.txt \
    && python -m venv /app \
    && /app/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[otel]'

FROM python:3.12-slim
# confines the decoder processes (docs/security.md)
RUN apt-get update && apt-get install --yes --no-install-recommends libseccomp2 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 murmur && mkdir /data && chown murmur /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MURMUR_DATA_DIR=/data \
    # downloaded models are kept with the data
    HF_HOME=/data/hub \
    MURMUR_LOG_FORMAT=json
USER murmur
WORKDIR /data
VOLUME /data
ENTRYPOINT ["murmur"]
CMD ["run", "all"]
