#!/bin/sh
# Puts in place what the tests with Spark want beyond Python packages: Java (Debian's, as root there), and Hadoop's S3A
# from Maven Central into the folder named. Without them these tests fail, none is skipped.
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v java >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing default-jre-headless ..."
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends default-jre-headless >/dev/null
    else
        echo "The tests with Spark will fail, they want what is not here: Java 17 or later" >&2
        exit 0
    fi
fi
mkdir -p "$folder"
ivy=$("$folder/../bin/python" -c 'import pathlib, pyspark; print(*pathlib.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))')
rm -rf "$folder/jars"
fetch() {
    java -jar "$ivy" -ivy "$here/ivy.xml" -cache "$folder/cache" -types jar -warn \
        -retrieve "$folder/jars/[artifact]-[revision].[ext]" >"$folder/ivy.log" 2>&1
}
# What one try has fetched the next one finds in the cache.
if ! fetch && ! fetch && ! fetch; then
    cat "$folder/ivy.log" >&2
    exit 1
fi
(cd "$folder/jars" && sha256sum --check --strict --quiet "$here/jars.sha256")
rm -rf "$folder/cache"
touch "$folder/.installed"
