# The environment of requirements.lock, for processors: docker build -t chronoglot .
#   docker run --rm -v "$PWD/results:/chronoglot/results" chronoglot snakemake --cores all
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /chronoglot
COPY . .
RUN PIP_NO_CACHE_DIR=1 PIP_INDEX_URL=https://download.pytorch.org/whl/cpu \
    PIP_EXTRA_INDEX_URL=https://pypi.org/simple make .venv/.ready
ENV PATH=/chronoglot/.venv/bin:$PATH OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
CMD ["snakemake", "--cores", "all"]
